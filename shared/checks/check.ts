import { ToolError } from '../outcome/errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Exec } from '../host/exec.ts'
import type { RunInfo } from '../host/run.ts'
import type { Secrets } from '../host/secrets/secrets.ts'
import type { Environment } from '../config/environment.ts'
import type { Conflicts, Payload, Target } from '../targets/target.ts'
import type { Tunnel } from '../targets/tunnel.ts'

/** What a check found out. */
export interface Finding {
  /** `skip`: the question does not arise here, or what it takes to ask it was not given. */
  result: 'pass' | 'warn' | 'fail' | 'skip'
  /** What was seen, one line, without secrets. */
  finding: string
  /** What to do, as one sentence; empty when there is nothing to do. */
  remedy: string
  /** Longer text that belongs to it, without secrets. */
  detail?: string
}

/** One pre-deploy question. It changes nothing. */
export interface Check {
  /** Stable kebab-case word: `checks` and `skip` name it. */
  id: string
  /** The question as a statement that should be true. */
  title: string
  /** Milliseconds that it may take at most; default: `usualDeadlineMs`. The step's own timeout may be shorter. */
  deadlineMs?: number
  /** @returns why the question does not arise in this environment; empty when it does */
  inapplicable(environment: Environment): string
  /**
   * Asks. An InputError, ToolError or DeadlineError is as good as a `fail` with its message and hint.
   * @param context its signal is aborted at the check's deadline
   */
  run(context: CheckContext): Promise<Finding>
}

/** What asks one service or reads one file answers in a second or never. */
export const usualDeadlineMs = 20_000

/** What an operator wants of one check instead of its answer: to leave it out, or to accept its failure. */
export interface Waiver {
  id: string
  /** Why; recorded with the result. Empty when it was not given. */
  reason: string
}

/** All that checks know. What several need is read once. */
export interface CheckContext {
  environment: Environment
  run: RunInfo
  /** Version that is to be deployed; empty when it was not given. */
  version: string
  /** For asking GitHub; empty when there is none. */
  githubToken: string
  /** Image that is to be deployed; empty when it is not known yet. */
  image: string
  /** What the deploy will do about fields that others own. */
  conflicts: Conflicts
  /** What is left out, and which failures are accepted: the announcement of the release names them, too. */
  skipped: Waiver[]
  accepted: Waiver[]
  /** The same run takes a backup before it deploys. */
  backsUpNext: boolean
  secrets: Secrets
  clock: Clock
  exec: Exec
  /** For what programs and logins read by convention: PATH, HOME, DOCKER_CONFIG, PG*. */
  env: Record<string, string | undefined>
  signal: AbortSignal
  /** Milliseconds until the check is left behind; infinite until `runChecks` sets its deadline. */
  timeLeftMs(): number
  /** The env-file's values: secrets. @throws InputError when it cannot be read */
  config(): Record<string, string>
  target(): Promise<Target>
  /** A way to a port of the cluster, like `service/postgres:5432`. */
  openTunnel(place: string): Promise<Tunnel>
  /** What would be deployed; undefined when no image is known. */
  payload(): Promise<Payload | undefined>
  /** How the release would be gated and smoke-tested, one line. @throws InputError when it could not be */
  planVerification(): Promise<string>
}

export function pass(finding: string, detail = ''): Finding {
  return { result: 'pass', finding, remedy: '', ...(detail === '' ? {} : { detail }) }
}

export function warn(finding: string, remedy: string, detail = ''): Finding {
  return { result: 'warn', finding, remedy, ...(detail === '' ? {} : { detail }) }
}

export function fail(finding: string, remedy: string, detail = ''): Finding {
  return { result: 'fail', finding, remedy, ...(detail === '' ? {} : { detail }) }
}

export function skip(finding: string): Finding {
  return { result: 'skip', finding, remedy: '' }
}

/** For a check of something that perhaps only the environment itself can reach: what fails says how to leave it out. */
export async function orSkip(id: string, work: () => Promise<Finding>): Promise<Finding> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    const hint = `${error.hint} If only the environment itself can reach it, name a way in under tunnels of the runbook, or add ${id} to skip.`
    throw new ToolError(error.message, { tool: error.tool, hint, cause: error })
  }
}
