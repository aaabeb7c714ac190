import {
  checkOfRun,
  checkOfStatus,
  deploymentOf,
  newestOpinions,
  readJson,
  type CheckRun,
  type CommitStatus,
  type PullRequest,
  type RecordedDeployment,
  type Review,
} from './github-answers.ts'
import { openRest, perPage, type GitHubAccess } from './github-rest.ts'

export { readGitHubPlace, type GitHubAccess } from './github-rest.ts'

/** Of one check run or commit status, what a merge would ask of it. `passed` is also what was skipped or neutral. */
export type CheckState = 'passed' | 'failed' | 'pending'

/** One thing that CI says of a commit. */
export interface CommitCheck {
  name: string
  state: CheckState
  /** In GitHub's own word: `success`, `timed_out`, `in_progress`. */
  said: string
  /** For people. The URL of a job of a workflow begins with the URL of its run: so a run knows its own. */
  url: string
}

/** A pull request that brought a commit, and what its reviewers think of it now. */
export interface ReviewedPullRequest {
  number: number
  title: string
  url: string
  author: string
  isMerged: boolean
  /** The newest opinion of each reviewer who may write to the repository; comments are no opinion. */
  opinions: Opinion[]
}

export interface Opinion {
  reviewer: string
  verdict: 'approved' | 'changes-requested'
  /** Of the last commit of the pull request, and not only of an earlier one. */
  isOfLastCommit: boolean
}

/** GitHub's words for how a deployment goes. */
export type DeploymentState = 'in_progress' | 'success' | 'failure' | 'error' | 'inactive'

export interface NewDeployment {
  /** Tag or commit that is deployed. */
  ref: string
  environment: string
  /** At most 140 characters are kept. */
  description: string
  /** Kept with it, so that a later step finds it again. */
  payload: Record<string, string>
}

export interface Deployment {
  id: number
  ref: string
  payload: Record<string, string>
}

export interface DeploymentStatus {
  state: DeploymentState
  /** At most 140 characters are kept. */
  description: string
  /** Where the run is told of; empty when there is no such place. */
  logUrl: string
  /** Where the service is reached; empty when it is not known. */
  environmentUrl: string
}

/** What the suite asks of GitHub's REST API (https://docs.github.com/rest). */
export interface GitHub {
  /** Check runs and commit statuses of a commit, the newest of each. Needs `checks: read` and `statuses: read`. */
  checksOf(commit: string): Promise<CommitCheck[]>
  /** Needs `pull-requests: read`. */
  pullRequestsOf(commit: string): Promise<ReviewedPullRequest[]>
  /** Needs `deployments: write`, as all below. @returns its id */
  createDeployment(deployment: NewDeployment): Promise<number>
  /** Of one environment, the newest first. */
  deploymentsTo(environment: string): Promise<Deployment[]>
  /** The newest state of a deployment; empty when it has none. */
  deploymentState(id: number): Promise<string>
  setDeploymentStatus(id: number, status: DeploymentStatus): Promise<void>
  close(): void
}

const longestDescription = 140

/** @throws InputError when `repository` is not `owner/name` or `apiUrl` no URL */
export function openGitHub(access: GitHubAccess): GitHub {
  const { base, send, list, close } = openRest(access)

  async function opinionsOf(pull: PullRequest): Promise<Opinion[]> {
    const reviews = await list(`pulls/${pull.number}/reviews`, page => page as Review[])
    return newestOpinions(reviews, pull)
  }

  return {
    async checksOf(commit) {
      const at = `commits/${encodeURIComponent(commit)}`
      const [runs, statuses] = await Promise.all([
        list(`${at}/check-runs`, page => (page as { check_runs: CheckRun[] }).check_runs),
        list(`${at}/status`, page => (page as { statuses: CommitStatus[] }).statuses),
      ])
      return [...runs.map(checkOfRun), ...statuses.map(checkOfStatus)]
    },
    async pullRequestsOf(commit) {
      const pulls = await list(`commits/${encodeURIComponent(commit)}/pulls`, page => page as PullRequest[])
      return Promise.all(
        pulls.map(async pull => ({
          number: pull.number,
          title: pull.title,
          url: pull.html_url,
          author: pull.user?.login ?? '',
          isMerged: pull.merged_at !== null,
          opinions: await opinionsOf(pull),
        })),
      )
    },
    async createDeployment({ ref, environment, description, payload }) {
      const answer = await send('POST', `${base}/deployments`, {
        ref,
        environment,
        payload,
        description: shortened(description),
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
        description: shortened(description),
        ...(logUrl ? { log_url: logUrl } : {}),
        ...(environmentUrl ? { environment_url: environmentUrl } : {}),
      })
    },
    close,
  }
}

function shortened(text: string): string {
  return text.length <= longestDescription ? text : `${text.slice(0, longestDescription - 3)}...`
}
