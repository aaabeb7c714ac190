import { ToolError } from '../../outcome/errors.ts'
import type { HttpAnswer } from '../http/http.ts'
import type {
  CheckState,
  CommitCheck,
  Deployment,
  EnvironmentProtection,
  Opinion,
  WorkflowRun,
} from './github.ts'

/*
 * As much of GitHub's answers as the suite reads, after its published description (github/rest-api-description), and what
 * the suite makes of them.
 */

export interface CheckRun {
  /** Grows with time. */
  id: number
  name: string
  status: string
  conclusion: string | null
  html_url: string | null
  app: { id: number; slug?: string } | null
  check_suite: { id: number } | null
}

export interface CommitStatus {
  context: string
  state: string
  target_url: string | null
  creator: { login: string; type: string } | null
}

export interface ActionsRun {
  event: string
  path: string
  check_suite_id?: number
  referenced_workflows?: { path: string }[] | null
}

export interface RepositoryEnvironment {
  protection_rules?: { type: string }[]
  deployment_branch_policy: { protected_branches: boolean; custom_branch_policies: boolean } | null
}

export interface PullRequest {
  number: number
  title: string
  html_url: string
  user: { login: string } | null
  merged_at: string | null
  merge_commit_sha: string | null
  head: { sha: string }
}

export interface Review {
  user: { login: string } | null
  state: string
  commit_id: string | null
}

export interface RecordedDeployment {
  id: number
  ref: string
  payload: Record<string, unknown> | string
}

/** GitHub lets these through where a check is required ("About status checks"). */
const passing = new Set(['success', 'neutral', 'skipped'])

/** @param runs of the workflows, by their check suite */
export function checkOfRun(
  { name, status, conclusion, html_url, app, check_suite }: CheckRun,
  runs: ReadonlyMap<number, WorkflowRun>,
): CommitCheck {
  const ended = passing.has(conclusion ?? '') ? 'passed' : 'failed'
  return {
    name,
    state: status === 'completed' ? ended : 'pending',
    said: status === 'completed' ? (conclusion ?? '') : status,
    url: html_url ?? '',
    reporter: { kind: 'app', slug: app?.slug ?? '', id: app?.id ?? 0 },
    run: check_suite ? runs.get(check_suite.id) : undefined,
  }
}

export function checkOfStatus({ context, state, target_url, creator }: CommitStatus): CommitCheck {
  const states = new Map<string, CheckState>([
    ['success', 'passed'],
    ['pending', 'pending'],
  ])
  return {
    name: context,
    state: states.get(state) ?? 'failed',
    said: state,
    url: target_url ?? '',
    reporter: { kind: 'account', login: creator?.login ?? '', isBot: creator?.type === 'Bot' },
    run: undefined,
  }
}

/** Of several statuses of one context the newest. @param statuses the newest first, as GitHub lists them */
export function newestStatuses(statuses: CommitStatus[]): CommitStatus[] {
  const newest = new Map<string, CommitStatus>()
  for (const status of statuses) if (!newest.has(status.context)) newest.set(status.context, status)
  return [...newest.values()]
}

export function workflowRuns(runs: ActionsRun[]): Map<number, WorkflowRun> {
  const found = new Map<number, WorkflowRun>()
  for (const { event, path, check_suite_id, referenced_workflows } of runs)
    if (check_suite_id !== undefined)
      found.set(check_suite_id, { event, path, calls: (referenced_workflows ?? []).map(each => each.path) })
  return found
}

/** The reviewers of a pull request: all accounts that gave a review, but its author. */
export function reviewersOf(reviews: Review[], { user: author }: PullRequest): string[] {
  const logins = reviews.filter(({ state }) => isOpinion(state)).map(({ user }) => user?.login ?? '')
  return [...new Set(logins)].filter(login => login !== '' && login !== author?.login)
}

function isOpinion(state: string): boolean {
  return state === 'APPROVED' || state === 'CHANGES_REQUESTED'
}

/**
 * @param reviews in the order in which they were given, as GitHub lists them
 * @param writers logins whose opinion counts: on a public repository every account may approve
 */
export function newestOpinions(
  reviews: Review[],
  { head }: PullRequest,
  writers: ReadonlySet<string>,
): Opinion[] {
  const opinions = new Map<string, Opinion>()
  for (const { user, state, commit_id } of reviews) {
    const reviewer = user?.login ?? ''
    if (!writers.has(reviewer)) continue
    if (state === 'DISMISSED') opinions.delete(reviewer)
    if (!isOpinion(state)) continue
    const verdict = state === 'APPROVED' ? 'approved' : 'changes-requested'
    opinions.set(reviewer, { reviewer, verdict, isOfLastCommit: commit_id === head.sha })
  }
  return [...opinions.values()]
}

/** @param patterns of the environment's own rules, where it has such */
export function protection(
  { protection_rules = [], deployment_branch_policy: policy }: RepositoryEnvironment,
  patterns: string[],
): EnvironmentProtection {
  const hasReviewers = protection_rules.some(({ type }) => type === 'required_reviewers')
  if (policy?.custom_branch_policies) return { hasReviewers, refs: { kind: 'patterns', patterns } }
  return { hasReviewers, refs: { kind: policy?.protected_branches ? 'protected-branches' : 'any' } }
}

/** The payload comes back as it was given; one that something else gave may be text. */
export function deploymentOf({ id, ref, payload }: RecordedDeployment): Deployment {
  const entries = typeof payload === 'string' ? [] : Object.entries(payload)
  const words = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  return { id, ref, payload: Object.fromEntries(words) }
}

/** The next page as GitHub names it (RFC 8288). The token goes to no other origin. */
export function nextPage({ headers }: HttpAnswer, current: string): string | undefined {
  const next = /<([^<>]+)>\s*;\s*rel="next"/.exec(headers['link'] ?? '')?.[1]
  if (next === undefined) return undefined
  const url = URL.parse(next, current)
  return url?.origin === new URL(current).origin ? url.href : undefined
}

export function readJson({ body, truncated, url }: HttpAnswer): unknown {
  try {
    return JSON.parse(truncated ? '' : body)
  } catch (cause) {
    throw new ToolError(`GitHub answered ${new URL(url).pathname} with something that is not JSON`, {
      tool: 'GitHub',
      hint: 'Check that GITHUB_API_URL is the REST API of a GitHub.',
      cause,
    })
  }
}

export function refusalOf(
  method: string,
  url: string,
  { status, body, headers }: HttpAnswer,
  now: number,
): ToolError {
  const said = /"message"\s*:\s*"([^"]{0,200})/.exec(body)?.[1] ?? ''
  const isSpent = headers['x-ratelimit-remaining'] === '0' || status === 429 || 'retry-after' in headers
  const resetMs = Number(headers['x-ratelimit-reset']) * 1000 - now
  const hint = () => {
    if (isSpent && (status === 403 || status === 429))
      return `The token may not ask more often${resetMs > 0 ? ` for ${Math.ceil(resetMs / 60_000)} min` : ''}: try again later.`
    if (status === 401) return "Give a token that is valid: github-token, which is the job's own by default."
    // GitHub answers 404 for what a token may not see.
    if (status === 403 || status === 404)
      return 'Give the job the permission that the documentation of the action names, and check the repository and the commit.'
    if (status >= 500) return 'Look at the state of GitHub: https://www.githubstatus.com'
    return 'Check the repository, the commit and the environment.'
  }
  return new ToolError(
    `GitHub answered ${method} ${new URL(url).pathname} with HTTP ${status}${said && `: ${said}`}`,
    {
      tool: 'GitHub',
      // GitHub says 403 of both: of a right that is lacking, and of a limit that is reached.
      code: isSpent && status === 403 ? 429 : status,
      hint: hint(),
    },
  )
}
