import type { ProcessIdentity } from './process-identity.ts'

/** The run that acts: what a lease, a release and a report say of who did it. */
export interface RunInfo {
  /** The same for every step and job of one run and attempt: `github.com/org/api/runs/4711`, `ada@laptop/12345-mib2x0q1`. */
  id: string
  /** 1 for the first try; a later attempt of the same run may take over from an earlier one at once. */
  attempt: number
  /** This execution of a job of the run, whose steps come one after the other; at a terminal, the process. */
  job: string
  /** For people: `run 4711 of org/api`. */
  title: string
  /** Where the run can be looked at; empty at a terminal. */
  url: string
  /** Who started it. */
  actor: string
  /** The tag that triggered the run, `v1.2.3`, or empty. */
  tag: string
  /** The commit, or empty. */
  sha: string
  /** The process that acts; undefined where its machine cannot tell it from others. */
  process: ProcessIdentity | undefined
}

/** The process that asks, told from any other: numbers come again, on this machine and on others. */
export interface ProcessInfo {
  pid: number
  host: string
  /** Milliseconds since 1970. */
  startedAt: number
  /** Name of the account that it runs under. */
  user: string
  /** What tells this execution of a runner's job from others of the same name, see `jobExecution`. */
  execution: string
  identity: ProcessIdentity | undefined
}

/**
 * Reads the run from a runner's environment; at a terminal, from the user and the process.
 * @param env the process's environment
 */
export function readRun(env: Record<string, string | undefined>, own: ProcessInfo): RunInfo {
  const text = (name: string) => env[name] ?? ''
  if (text('GITHUB_ACTIONS') === 'true') {
    const repository = text('GITHUB_REPOSITORY')
    const run = text('GITHUB_RUN_ID')
    const server = text('GITHUB_SERVER_URL') || 'https://github.com'
    return {
      id: `${server.replace(/^https?:\/\//, '')}/${repository}/runs/${run}`,
      attempt: Number(text('GITHUB_RUN_ATTEMPT')) || 1,
      job: [text('GITHUB_JOB'), own.execution].filter(Boolean).join(' '),
      title: `run ${run} of ${repository}`,
      url: `${server}/${repository}/actions/runs/${run}`,
      actor: text('GITHUB_ACTOR'),
      tag: text('GITHUB_REF_TYPE') === 'tag' ? text('GITHUB_REF_NAME') : '',
      sha: text('GITHUB_SHA'),
      process: own.identity,
    }
  }
  const actor = text('SUDO_USER') || text('USER') || text('LOGNAME') || own.user
  const process = `${own.pid}-${own.startedAt.toString(36)}`
  return {
    id: `${actor}@${own.host}/${process}`,
    attempt: 1,
    job: process,
    title: `${actor} on ${own.host}`,
    url: '',
    actor,
    tag: '',
    sha: '',
    process: own.identity,
  }
}
