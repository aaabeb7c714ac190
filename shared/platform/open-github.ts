import { cutEnd } from '../outcome/cut.ts'
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
import type { GitHub, Opinion } from './github.ts'
import { openRest, perPage, type GitHubAccess } from './github-rest.ts'

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
