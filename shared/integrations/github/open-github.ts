import { cutEnd } from '../../outcome/cut.ts'
import { ToolError } from '../../outcome/errors.ts'
import {
  checkOfRun,
  checkOfStatus,
  deploymentOf,
  newestOpinions,
  newestStatuses,
  protection,
  readJson,
  reviewersOf,
  workflowRuns,
  type ActionsRun,
  type CheckRun,
  type CommitStatus,
  type PullRequest,
  type RecordedDeployment,
  type RepositoryEnvironment,
  type Review,
} from './github-answers.ts'
import type { Ancestry, GitHub, Opinion, WorkflowRun } from './github.ts'
import { openRest, perPage, type GitHubAccess } from './github-rest.ts'

const longestDescription = 140

/** @throws InputError when `repository` is not `owner/name` or `apiUrl` no URL */
export function openGitHub(access: GitHubAccess): GitHub {
  const { base, send, list, close } = openRest(access)

  async function opinionsOf(pull: PullRequest): Promise<Opinion[]> {
    const reviews = await list(`pulls/${pull.number}/reviews`, page => page as Review[])
    const asked = await Promise.all(
      reviewersOf(reviews, pull).map(async login => ({ login, writes: await mayWrite(login) })),
    )
    const writers = asked.filter(({ writes }) => writes).map(({ login }) => login)
    return newestOpinions(reviews, pull, new Set(writers))
  }

  /** By the permission itself: `author_association` calls a private member of the organisation a contributor. */
  async function mayWrite(login: string): Promise<boolean> {
    const url = `${base}/collaborators/${encodeURIComponent(login)}/permission`
    const answer = await orNotFound(() => send('GET', url))
    // Of the role `maintain` GitHub says `write` here.
    const { permission } = answer ? (readJson(answer) as { permission: string }) : { permission: 'none' }
    return permission === 'admin' || permission === 'write'
  }

  /** Without the right to see them, every check counts, whatever started it. */
  async function runsOf(commit: string): Promise<Map<number, WorkflowRun>> {
    const query = new URLSearchParams({ head_sha: commit })
    const read = (page: unknown) => (page as { workflow_runs: ActionsRun[] }).workflow_runs
    try {
      return workflowRuns(await list(`actions/runs?${query.toString()}`, read))
    } catch (error) {
      if (error instanceof ToolError && (error.code === 403 || error.code === 404)) return new Map()
      throw error
    }
  }

  return {
    async checksOf(commit) {
      const at = `commits/${encodeURIComponent(commit)}`
      const [runs, statuses, workflows] = await Promise.all([
        list(`${at}/check-runs`, page => (page as { check_runs: CheckRun[] }).check_runs),
        // Not the combined status, which does not name the creators.
        list(`${at}/statuses`, page => page as CommitStatus[]),
        runsOf(commit),
      ])
      return [
        ...runs.toSorted((a, b) => a.id - b.id).map(each => checkOfRun(each, workflows)),
        ...newestStatuses(statuses).map(checkOfStatus),
      ]
    },
    async pullRequestsOf(commit) {
      const pulls = await list(`commits/${encodeURIComponent(commit)}/pulls`, page => page as PullRequest[])
      return Promise.all(
        pulls.map(async pull => ({
          number: pull.number,
          title: pull.title,
          url: pull.html_url,
          author: pull.user?.login ?? '',
          head: pull.head.sha,
          // Of one that is open, GitHub names the commit of a trial merge.
          mergeCommit: pull.merged_at === null ? undefined : (pull.merge_commit_sha ?? undefined),
          opinions: await opinionsOf(pull),
        })),
      )
    },
    async defaultBranch() {
      const { default_branch } = readJson(await send('GET', base)) as { default_branch: string }
      return default_branch
    },
    async ancestryOf(commit, branch) {
      const pair = `${encodeURIComponent(branch)}...${encodeURIComponent(commit)}`
      // The changed files, which can be many megabytes, are on the first page only.
      const answer = await orNotFound(() => send('GET', `${base}/compare/${pair}?per_page=1&page=2`))
      return answer && (readJson(answer) as { status: Ancestry }).status
    },
    async protectionOf(name) {
      const at = `environments/${encodeURIComponent(name)}`
      const answer = await orNotFound(() => send('GET', `${base}/${at}`))
      if (!answer) return undefined
      const environment = readJson(answer) as RepositoryEnvironment
      if (!environment.deployment_branch_policy?.custom_branch_policies) return protection(environment, [])
      const policies = await list(
        `${at}/deployment-branch-policies`,
        page => (page as { branch_policies: { name?: string }[] }).branch_policies,
      )
      return protection(
        environment,
        policies.map(each => each.name ?? ''),
      )
    },
    async createDeployment({ ref, environment, description, payload }) {
      const answer = await send('POST', `${base}/deployments`, {
        ref,
        environment,
        payload,
        description: cutEnd(description, longestDescription),
        // Nothing is merged by a record, and the checks are the run's own affair.
        auto_merge: false,
        required_contexts: [],
      })
      return (readJson(answer) as { id: number }).id
    },
    async deploymentsTo(environment) {
      const query = new URLSearchParams({ environment, per_page: String(perPage) })
      const answer = await send('GET', `${base}/deployments?${query.toString()}`)
      return (readJson(answer) as RecordedDeployment[]).map(deploymentOf)
    },
    async deploymentState(id) {
      const answer = await send('GET', `${base}/deployments/${id}/statuses?per_page=1`)
      const [newest] = readJson(answer) as { state: string }[]
      return newest?.state ?? ''
    },
    async setDeploymentStatus(id, { state, description, logUrl, environmentUrl }) {
      await send('POST', `${base}/deployments/${id}/statuses`, {
        state,
        description: cutEnd(description, longestDescription),
        ...(logUrl ? { log_url: logUrl } : {}),
        ...(environmentUrl ? { environment_url: environmentUrl } : {}),
      })
    },
    close,
  }
}

async function orNotFound<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof ToolError && error.code === 404) return undefined
    throw error
  }
}
