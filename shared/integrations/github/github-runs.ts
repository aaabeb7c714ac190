import { readJson } from './github-answers.ts'
import { openRest, type GitHubAccess } from './github-rest.ts'

/** How far back is looked for a run in which a job came to an end: a day of runs every five minutes has 288. */
const mostRuns = 10

/**
 * How a job of this workflow ended the last time: what a run that is started again and again remembers by. Needs
 * `actions: read`.
 * @param run the number of the run that asks (GITHUB_RUN_ID), which is left out
 * @param name the job's name; a job of a called workflow bears its caller's before it, as in `watch / health production`
 * @returns undefined when no earlier run has such a job that succeeded or failed
 */
export async function earlierEnd(
  access: GitHubAccess,
  run: string,
  name: string,
): Promise<'success' | 'failure' | undefined> {
  const { base, send, list, close } = openRest(access)
  try {
    const own = readJson(await send('GET', `${base}/actions/runs/${run}`)) as Run
    const query = new URLSearchParams({
      status: 'completed',
      per_page: String(mostRuns),
      ...(own.head_branch ? { branch: own.head_branch } : {}),
    })
    const answer = await send('GET', `${base}/actions/workflows/${own.workflow_id}/runs?${query.toString()}`)
    const { workflow_runs } = readJson(answer) as { workflow_runs: Run[] }
    for (const { id } of workflow_runs.filter(each => String(each.id) !== run)) {
      const jobs = await list(`actions/runs/${id}/jobs`, page => (page as { jobs: Job[] }).jobs)
      const job = jobs.find(each => each.name === name || each.name.endsWith(` / ${name}`))
      if (job?.conclusion === 'success' || job?.conclusion === 'failure') return job.conclusion
    }
    return undefined
  } finally {
    close()
  }
}

interface Run {
  id: number
  workflow_id: number
  head_branch: string | null
}

interface Job {
  name: string
  conclusion: string | null
}
