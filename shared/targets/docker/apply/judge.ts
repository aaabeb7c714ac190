import { showDuration } from '../../../config/values.ts'
import type { ContainerDetail } from '../engine/containers.ts'

/** What can be said of a container that is to become ready. */
export type Judgement =
  | { kind: 'ready' }
  | { kind: 'waiting'; for: string }
  /** It cannot become ready by waiting. `class` and `why` are a Cause's. */
  | { kind: 'doomed'; class: string; why: string }

export interface Observation {
  detail: ContainerDetail
  /** Milliseconds for which it has run without being restarted, as far as it was watched. */
  upMs: number
  /** Its port answers; undefined when it cannot be asked, because it holds none or is not reached from here. */
  answers: boolean | undefined
  /** The exit code of a run before this one, as far as it was seen: Docker forgets it at the next start. */
  lastExit?: number
}

/**
 * A container that Docker has started this often again without its becoming ready is in a loop. The pauses between the
 * starts double from 100 ms, so that a second or two have gone by.
 */
const restartsOfALoop = 3
/** From so many on it is one, too, when no look has met it between two runs, and its exit code is not known. */
const restartsUnseen = 6
/** One that was restarted before is believed again after this long; one whose port cannot be asked, too. */
const steadyMs = 10_000
/** Without a health check and a port to ask, a trial has shown this long that it does not end at once. */
const trialMs = 3_000

/** Judges a container by its state, its health check if the image has one, else by its port or its staying up. */
export function judge(
  { detail, upMs, answers, lastExit }: Observation,
  role: 'service' | 'trial',
): Judgement {
  const { State: state, RestartCount: restarts } = detail
  const exit = isBetweenRuns(state) ? state.ExitCode : lastExit
  const ended = endOf(detail, exit)
  const refused = state.Status === 'created' && state.Error !== ''
  if (state.Status === 'exited' || state.Status === 'dead' || refused) return ended
  const isLoop = restarts >= (exit === undefined ? restartsUnseen : restartsOfALoop)
  if (isLoop) return ended.class === 'crash' ? { ...ended, class: 'crash-loop' } : ended
  if (state.Restarting) return { kind: 'waiting', for: `its start again: ${ended.why}` }
  if (!state.Running) return { kind: 'waiting', for: 'its start' }
  if (restarts > 0 && upMs < steadyMs)
    return { kind: 'waiting', for: `staying up: it was restarted ${restarts} times` }
  switch (state.Health?.Status) {
    case 'healthy':
      return { kind: 'ready' }
    case 'unhealthy':
      return { kind: 'doomed', class: 'unhealthy', why: `is unhealthy: ${lastHealth(detail) || 'no output'}` }
    case 'starting':
      return { kind: 'waiting', for: 'its health check' }
    default:
      return withoutHealthCheck(upMs, answers, role)
  }
}

function withoutHealthCheck(
  upMs: number,
  answers: boolean | undefined,
  role: 'service' | 'trial',
): Judgement {
  if (role === 'trial')
    return upMs >= trialMs
      ? { kind: 'ready' }
      : { kind: 'waiting', for: `running for ${showDuration(trialMs)}` }
  if (answers === true) return { kind: 'ready' }
  if (answers === false) return { kind: 'waiting', for: 'an answer at its port' }
  return upMs >= steadyMs
    ? { kind: 'ready' }
    : { kind: 'waiting', for: `running for ${showDuration(steadyMs)}` }
}

/** How its last run ended. */
function endOf(
  { State: state, RestartCount: restarts }: ContainerDetail,
  exit: number | undefined,
): Judgement & { kind: 'doomed' } {
  const often = restarts > 0 ? ` and was restarted ${restarts} times` : ''
  if (state.OOMKilled) return { kind: 'doomed', class: 'out-of-memory', why: `ran out of its memory${often}` }
  if (state.Error)
    return { kind: 'doomed', class: 'bad-command', why: `could not be started: ${state.Error}` }
  return {
    kind: 'doomed',
    class: 'crash',
    why: `ended${exit === undefined ? '' : ` with exit code ${exit}`}${often}`,
  }
}

/** Only then is its exit code that of the run before. */
export function isBetweenRuns({
  Running: running,
  Restarting: restarting,
}: ContainerDetail['State']): boolean {
  return restarting || !running
}

/** The last line that its health check wrote. */
export function lastHealth({ State: state }: ContainerDetail): string {
  return state.Health?.Log?.at(-1)?.Output.trim().split('\n').at(-1) ?? ''
}
