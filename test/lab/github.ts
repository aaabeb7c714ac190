import { randomUUID } from 'node:crypto'
import { readGitHubDescription, type Description, type Operation } from './contracts/openapi.ts'
import { levelOf } from '../caller/github/permissions.ts'
import type { Permissions } from '../caller/github/workflow.ts'
import { repositoryOperations, type StandInRepository } from './contracts/github-repository.ts'
import { notFound, runOperations, type Right, type StandInRun, type Work } from './contracts/github-runs.ts'
import { serve, type Answer, type Asked } from './contracts/server.ts'

/** What CI says of a commit, and how it came into the repository. */
export interface StandInCommit {
  /** `app` and `suite`: the slug of the app that reports it, and its check suite. */
  checks?: {
    name: string
    status?: string
    conclusion?: string | null
    url?: string
    app?: string
    suite?: number
  }[]
  /** The newest first. `by`: the login of who posted it; default: an app's bot. */
  statuses?: { context: string; state: 'success' | 'pending' | 'failure' | 'error'; by?: string }[]
  pulls?: StandInPull[]
}

export interface StandInPull {
  number: number
  author: string
  /** The last commit of its branch. */
  head: string
  merged: boolean
  /** The commit that merged it; default: the commit it was found by. */
  mergeCommit?: string
  /** In the order in which they were given. */
  reviews: { user: string; state: string; commit: string }[]
}

export interface StandInDeployment {
  id: number
  ref: string
  sha: string
  environment: string
  description: string
  payload: unknown
  /** The newest last. */
  statuses: { state: string; description: string; log_url: string; environment_url: string }[]
}

export interface GitHubStandIn {
  /** For GITHUB_API_URL. */
  apiUrl: string
  repository: string
  token: string
  /** By their SHA. */
  commits: Map<string, StandInCommit>
  /** Tags and branches: which commit each means. */
  refs: Map<string, string>
  deployments: StandInDeployment[]
  /** The newest first. */
  runs: StandInRun[]
  repositoryState: StandInRepository
  /** What the token may not do; GitHub answers it 403. */
  denied: Set<Right>
  /** A token of a job: it may do what its permissions say, and nothing else. */
  grant(permissions: Permissions): string
  /** What requests, or an answer of the stand-in itself, broke of the published description. */
  complaints: string[]
  /** Answers the next requests with this instead, one each. */
  refuseNext(...answers: Answer[]): void
  stop(): Promise<void>
}

/**
 * A GitHub with one repository, in memory. Every request, and every answer, is held against GitHub's published OpenAPI
 * description; the answers are made of the examples in it.
 * @param api reading it takes a third of a second: those who start many give each the same
 * @param pageSize most entries a page, when the request asks for more: so that lists have pages without 100 entries
 */
export async function startGitHub(
  api: Description = readGitHubDescription('api.github.com'),
  pageSize = 100,
): Promise<GitHubStandIn> {
  const refusals: Answer[] = []
  const granted = new Map<string, Permissions>()
  const standIn: Omit<GitHubStandIn, 'stop' | 'apiUrl'> = {
    repository: 'org/runbook-api',
    token: `ghs_${randomUUID().replaceAll('-', '')}`,
    commits: new Map(),
    refs: new Map(),
    deployments: [],
    runs: [],
    repositoryState: {
      defaultBranch: 'main',
      branches: new Map([['main', []]]),
      environments: new Map(),
      permissions: new Map(),
    },
    denied: new Set(),
    complaints: [],
    refuseNext: (...answers) => refusals.push(...answers),
    grant(permissions) {
      const token = `ghs_${randomUUID().replaceAll('-', '')}`
      granted.set(token, permissions)
      return token
    },
  }
  const { commits, refs, deployments, runs, complaints } = standIn

  const operations: Record<string, [right: Right, work: Work]> = {
    'GET /repos/{owner}/{repo}/commits/{ref}/check-runs': ['checks', withCommit(listChecks)],
    'GET /repos/{owner}/{repo}/commits/{ref}/statuses': ['statuses', withCommit(listStatuses)],
    'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls': ['pulls', withCommit(listPulls)],
    'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews': ['pulls', listReviews],
    ...runOperations(runs),
    ...repositoryOperations(standIn.repositoryState),
    'GET /repos/{owner}/{repo}/deployments': ['deployments', listDeployments],
    'POST /repos/{owner}/{repo}/deployments': ['deployments', createDeployment],
    'GET /repos/{owner}/{repo}/deployments/{deployment_id}/statuses': ['deployments', listDeploymentStatuses],
    'POST /repos/{owner}/{repo}/deployments/{deployment_id}/statuses': ['deployments', addStatus],
  }

  function answerTo(asked: Asked): Answer {
    const refusal = refusals.shift()
    if (refusal) return refusal
    if (!asked.path.startsWith(api.basePath)) return notFound
    const request = { ...asked, path: asked.path.slice(api.basePath.length) }
    if (!asked.headers['user-agent']) return { status: 403, body: { message: 'Request forbidden' } }
    const token = asked.headers.authorization?.replace('Bearer ', '') ?? ''
    const permissions = token === standIn.token ? 'write-all' : granted.get(token)
    if (permissions === undefined) return { status: 401, body: { message: 'Bad credentials' } }
    const operation = api.find(request)
    const known = operation && operations[operation.name]
    if (!operation || !known) {
      complaints.push(
        `${asked.method} ${request.path}: ${operation ? 'not played here' : 'not in the description'}`,
      )
      return notFound
    }
    const { owner, repo } = operation.parameters
    if (`${owner}/${repo}` !== standIn.repository) return notFound
    const [right, work] = known
    if (standIn.denied.has(right) || !allows(permissions, right, asked.method))
      return { status: 403, body: { message: 'Resource not accessible by integration' } }
    complaints.push(...operation.complaints.map(each => `${operation.name}: ${each}`))
    if (operation.complaints.length > 0) return { status: 422, body: { message: 'Validation Failed' } }
    const answer = work(operation, (asked.body ? JSON.parse(asked.body) : {}) as Record<string, unknown>)
    complaints.push(
      ...operation.answerComplaints(answer.status, answer.body).map(each => `${operation.name}: ${each}`),
    )
    return paged(answer, operation, asked)
  }

  function withCommit(work: (commit: StandInCommit, sha: string, operation: Operation) => Answer): Work {
    return operation => {
      const { ref, commit_sha } = operation.parameters
      const said = ref ?? commit_sha ?? ''
      const sha = refs.get(said) ?? said
      const commit = commits.get(sha)
      return commit
        ? work(commit, sha, operation)
        : { status: 422, body: { message: `No commit found for SHA: ${said}` } }
    }
  }

  function listChecks({ checks = [] }: StandInCommit, sha: string, operation: Operation): Answer {
    const example = operation.example(200) as { check_runs: [object] }
    const check_runs = checks.map(
      ({ name, status = 'completed', conclusion = 'success', url, app, suite }, at) => ({
        ...example.check_runs[0],
        check_suite: { id: suite ?? 1 },
        app: {
          ...(example.check_runs[0] as { app: object }).app,
          ...(app === undefined ? {} : { slug: app }),
        },
        id: at + 1,
        head_sha: sha,
        name,
        status,
        conclusion: status === 'completed' ? conclusion : null,
        completed_at: status === 'completed' ? '2026-11-23T10:00:00Z' : null,
        ...(url === undefined ? {} : { html_url: url, details_url: url }),
      }),
    )
    return { status: 200, body: { total_count: check_runs.length, check_runs } }
  }

  function listStatuses({ statuses = [] }: StandInCommit, _sha: string, operation: Operation): Answer {
    const [example] = operation.example(200) as [{ creator: object }]
    const body = statuses.map(({ context, state, by }, at) => ({
      ...example,
      id: statuses.length - at,
      context,
      state,
      creator: { ...example.creator, login: by ?? 'ci[bot]', type: by === undefined ? 'Bot' : 'User' },
    }))
    return { status: 200, body }
  }

  function listPulls({ pulls = [] }: StandInCommit, sha: string, operation: Operation): Answer {
    const [example] = operation.example(200) as [{ user: object; head: object }]
    const body = pulls.map(({ number, author, head, merged, mergeCommit = sha }) => ({
      ...example,
      number,
      // The description's own example of a team lacks a field that it requires.
      requested_teams: [],
      user: { ...example.user, login: author },
      head: { ...example.head, sha: head },
      state: merged ? 'closed' : 'open',
      // Of one that is open, GitHub names a trial merge.
      merge_commit_sha: merged ? mergeCommit : 'e5bd3914e2e596debea16f433f57875b5b90bcd6',
      merged_at: merged ? '2026-11-23T10:00:00Z' : null,
      html_url: `https://github.com/${standIn.repository}/pull/${number}`,
    }))
    return { status: 200, body }
  }

  function listReviews(operation: Operation): Answer {
    const [example] = operation.example(200) as [{ user: object }]
    const all = [...commits.values()].flatMap(({ pulls = [] }) => pulls)
    const pull = all.find(({ number }) => String(number) === operation.parameters['pull_number'])
    if (!pull) return notFound
    const body = pull.reviews.map(({ user, state, commit }, at) => ({
      ...example,
      id: at + 1,
      user: { ...example.user, login: user },
      state,
      commit_id: commit,
      // What GitHub says of a private member of the organisation, too.
      author_association: 'CONTRIBUTOR',
    }))
    return { status: 200, body }
  }

  function shown(
    operation: Operation,
    { statuses: _own, ...deployment }: StandInDeployment,
    example: object,
  ) {
    const url = `${operation.name} ${deployment.id}`.replaceAll(/[^\w]+/g, '-')
    return { ...example, ...deployment, url: `https://api.github.com/${url}` }
  }

  function listDeployments(operation: Operation): Answer {
    const [example] = operation.example(200) as [object]
    const environment = operation.query.get('environment')
    const body = deployments
      .filter(each => environment === null || each.environment === environment)
      .map(each => shown(operation, each, example))
      .toReversed()
    return { status: 200, body }
  }

  function createDeployment(operation: Operation, body: Record<string, unknown>): Answer {
    const { ref = '', environment = 'production', description = '', payload = '' } = body
    const sha = refs.get(String(ref)) ?? (commits.has(String(ref)) ? String(ref) : undefined)
    if (sha === undefined) return { status: 422, body: { message: `No ref found for: ${String(ref)}` } }
    const { statuses = [] } = commits.get(sha) ?? {}
    const required = (body['required_contexts'] as string[] | undefined) ?? statuses.map(each => each.context)
    const isGreen = required.every(name =>
      statuses.some(({ context, state }) => context === name && state === 'success'),
    )
    if (!isGreen)
      return { status: 409, body: { message: `Conflict: Commit status checks failed for ${String(ref)}.` } }
    const deployment: StandInDeployment = {
      id: deployments.length + 1,
      ref: String(ref),
      sha,
      environment: String(environment),
      description: String(description),
      payload,
      statuses: [],
    }
    deployments.push(deployment)
    return { status: 201, body: shown(operation, deployment, operation.example(201) as object) }
  }

  /** As the description wants it: a text that is empty would be no URL, and is left as in the example. */
  function shownStatus(example: object, status: StandInDeployment['statuses'][number]): object {
    const said = Object.entries({ ...status, target_url: status.log_url }).filter(([, text]) => text !== '')
    return { ...example, ...Object.fromEntries(said) }
  }

  function listDeploymentStatuses(operation: Operation): Answer {
    const deployment = deployments.find(({ id }) => String(id) === operation.parameters['deployment_id'])
    if (!deployment) return notFound
    const [example] = operation.example(200) as [object]
    return { status: 200, body: deployment.statuses.map(each => shownStatus(example, each)).toReversed() }
  }

  function addStatus(operation: Operation, body: Record<string, unknown>): Answer {
    const { state, description = '', log_url = '', environment_url = '' } = body as Record<string, string>
    const deployment = deployments.find(({ id }) => String(id) === operation.parameters['deployment_id'])
    if (!deployment) return notFound
    if (description.length > 140) return { status: 422, body: { message: 'Validation Failed' } }
    const status = { state: String(state), description, log_url, environment_url }
    deployment.statuses.push(status)
    return { status: 201, body: shownStatus(operation.example(201) as object, status) }
  }

  /** The page that was asked for, with GitHub's link to the next one. */
  function paged(answer: Answer, { query }: Operation, { path, headers }: Asked): Answer {
    const size = Math.min(Number(query.get('per_page') ?? 30), pageSize)
    const page = Number(query.get('page') ?? 1)
    const lists = listsOf(answer.body)
    const next = new URL(path, `http://${headers.host ?? ''}`)
    next.searchParams.set('page', String(page + 1))
    const more = lists.some(list => list.length > page * size)
    for (const list of lists) list.splice(0, list.length, ...list.slice((page - 1) * size, page * size))
    return more ? { ...answer, headers: { link: `<${next.href}>; rel="next"` } } : answer
  }

  const { url, stop } = await serve(answerTo)
  return { ...standIn, apiUrl: url + api.basePath, stop }
}

/** What a token reads needs `read`, what it changes `write`; what is public needs nothing. */
function allows(permissions: Permissions, right: Right, method: string): boolean {
  if (right === 'metadata') return true
  const level = levelOf(permissions, right === 'pulls' ? 'pull-requests' : right)
  return method === 'GET' ? level !== 'none' : level === 'write'
}

/** The lists of an answer that has pages. */
function listsOf(body: unknown): unknown[][] {
  const { check_runs, jobs, workflow_runs, branch_policies } = body as Record<string, unknown>
  return [body, check_runs, jobs, workflow_runs, branch_policies].filter(each => Array.isArray(each))
}
