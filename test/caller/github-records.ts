import type { GitHubStandIn, StandInDeployment } from '../lab/github.ts'
import type { JobEnd, JobOrder } from './github/run-workflow.ts'

/** What GitHub itself writes down of a run: its check runs, and a deployment for each job that names an environment. */
export interface Records {
  /** @returns what writes down how the job ended */
  jobStarts(order: JobOrder): (end: JobEnd) => void
  runEnds(): void
}

export interface RecordedRun {
  id: number
  event: string
  /** What started it: `refs/tags/v1.0.0`. */
  ref: string
  sha: string
  /** Of the workflow file. */
  path: string
}

/** Keeps the records of one run in a GitHub stand-in. */
export function recordsIn(github: GitHubStandIn, run: RecordedRun): Records {
  const { id, event, sha, path } = run
  const ref = run.ref.replace(/^refs\/(tags|heads)\//, '')
  github.refs.set(ref, sha)
  const commit = github.commits.get(sha) ?? {}
  const checks = (commit.checks ??= [])
  github.commits.set(sha, commit)
  const jobs: { name: string; conclusion: string | null }[] = []
  const standIn: GitHubStandIn['runs'][number] = {
    id,
    status: 'in_progress',
    event,
    sha,
    path,
    suite: id,
    jobs,
  }
  github.runs.unshift(standIn)
  return {
    jobStarts({ fullName, environment }) {
      const check = {
        name: fullName,
        app: 'github-actions',
        suite: id,
        status: 'in_progress',
        conclusion: '',
      }
      const job: (typeof jobs)[number] = { name: fullName, conclusion: null }
      checks.push(check)
      jobs.push(job)
      const deployment = environment?.deployment ? deploy(github, environment.name, ref, sha) : undefined
      return ({ result }) => {
        Object.assign(check, { status: 'completed', conclusion: result })
        job.conclusion = result
        if (deployment) conclude(github, deployment, result)
      }
    },
    runEnds() {
      standIn.status = 'completed'
    },
  }
}

const status = (state: string) => ({ state, description: '', log_url: '', environment_url: '' })

function deploy(github: GitHubStandIn, environment: string, ref: string, sha: string): StandInDeployment {
  const deployment: StandInDeployment = {
    ...{ id: github.deployments.length + 1, ref, sha, environment, description: '', payload: '' },
    statuses: [status('in_progress')],
  }
  github.deployments.push(deployment)
  return deployment
}

/** A deployment that succeeded makes the earlier ones of its environment inactive. */
function conclude(github: GitHubStandIn, deployment: StandInDeployment, result: JobEnd['result']): void {
  deployment.statuses.push(status(result === 'success' ? 'success' : 'failure'))
  if (result !== 'success') return
  for (const other of github.deployments) {
    const isEarlier = other.environment === deployment.environment && other.id < deployment.id
    if (isEarlier && other.statuses.at(-1)?.state === 'success') other.statuses.push(status('inactive'))
  }
}

/** The deployments that GitHub shows as active in an environment. */
export function activeDeployments(github: GitHubStandIn, environment: string): StandInDeployment[] {
  return github.deployments.filter(
    each => each.environment === environment && each.statuses.at(-1)?.state === 'success',
  )
}

/**
 * Runs of schedules, as every repository with the suite has them: their check runs belong to the newest commit of the default
 * branch, each in a suite of its own; one is still pending, and one has failed.
 */
export function addScheduledRuns(github: GitHubStandIn, sha: string, paths: string[]): void {
  const commit = github.commits.get(sha) ?? {}
  const checks = (commit.checks ??= [])
  github.commits.set(sha, commit)
  for (const path of paths)
    for (const conclusion of ['success', 'failure', null]) {
      const id = 900_000 + github.runs.length
      const name = path.replace(/^.*\/|\.ya?ml$/g, '')
      const state = conclusion === null ? 'in_progress' : 'completed'
      checks.push({ name, app: 'github-actions', suite: id, status: state, conclusion })
      const run = { id, event: 'schedule', sha, path, suite: id, jobs: [{ name, conclusion }] }
      github.runs.unshift({ ...run, status: state })
    }
}
