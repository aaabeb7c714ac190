import { isExpected, messageOf } from '../../../outcome/errors.ts'
import type { Evidence } from '../../../outcome/outcome.ts'
import type { Place } from '../state/place.ts'
import type { ContainerStatus, Pod } from '../rollout/pods.ts'

/** How much of one log is kept: the end of it. */
export interface LogSize {
  lines: number
  bytes: number
}

/** One run of a container: the one that its status shows, or the one before its last restart. */
type Run = 'current' | 'previous'

/** The kubelet serves the log of a run that has just ended a moment after its status shows the end. */
const lateLogMs = 2_000
const askAgainMs = 200
/** A kubelet that does not answer must not hold up what comes after the evidence. */
const answerMs = 5_000

/**
 * The end of the log of one container, of each of these runs that has one. A log of a run that ended and is missing or empty
 * is asked for again, for 2 s at most: the kubelet may not have written it yet.
 * @returns one item a run that wrote something, without secrets; otherwise one item that says that it wrote nothing, or why
 * it cannot be read; nothing for a container that never ran
 */
export async function readContainerLog(
  place: Place,
  pod: Pod,
  status: ContainerStatus,
  size: LogSize,
): Promise<Evidence[]> {
  const runs = runsOf(status)
  if (runs.length === 0) return []
  const { clock, secrets, signal } = place.adapters
  const subject = `log of container ${status.name} of pod ${pod.metadata.name}`
  const giveUp = clock.elapsed() + (hasEnded(status) ? lateLogMs : 0)
  try {
    for (;;) {
      const texts = await Promise.all(runs.map(run => readRun(place, pod, status.name, run, size)))
      const found = texts.flatMap((text, index): Evidence[] => {
        if (text.trim() === '') return []
        const before = runs[index] === 'previous' ? ', the run before' : ''
        const detail = secrets.redactPiece(text.trimEnd())
        return [{ subject: `${subject}${before}`, finding: 'the last lines:', tone: 'note', detail }]
      })
      if (found.length > 0) return found
      if (clock.elapsed() >= giveUp) return [{ subject, finding: 'it wrote nothing', tone: 'note' }]
      await clock.sleep(askAgainMs, signal)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return [{ subject, finding: `cannot be read: ${messageOf(error)}`, tone: 'note' }]
  }
}

/** In the order in which they tell the cause: a run that ended comes before the one that runs now. */
function runsOf({ state, lastState, restartCount }: ContainerStatus): Run[] {
  if (neverRan(state?.terminated ?? lastState?.terminated)) return []
  if (state?.terminated) return ['current']
  const before = lastState?.terminated !== undefined || restartCount > 0
  return [...(before ? (['previous'] as const) : []), ...(state?.running ? (['current'] as const) : [])]
}

/** Its program could not be started, so no run of it has a log. */
function neverRan(ended: { reason?: string } | undefined): boolean {
  return ended?.reason === 'StartError' || ended?.reason === 'ContainerCannotRun'
}

function hasEnded({ state, lastState, restartCount }: ContainerStatus): boolean {
  return Boolean(state?.terminated ?? lastState?.terminated) || restartCount > 0
}

/** @returns the empty string while the kubelet has none */
async function readRun(
  { client, namespace, adapters }: Place,
  pod: Pod,
  container: string,
  run: Run,
  { lines, bytes }: LogSize,
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}/log`
  const query = {
    container,
    tailLines: String(lines),
    limitBytes: String(bytes),
    ...(run === 'previous' ? { previous: 'true' } : {}),
  }
  const over = new AbortController()
  const late = adapters.clock.sleep(answerMs, AbortSignal.any([over.signal, adapters.signal]))
  const reading = client.text(path, query)
  reading.catch(() => undefined)
  try {
    return (await Promise.race([reading, late.then(() => undefined)])) ?? ''
  } finally {
    over.abort()
    late.catch(() => undefined)
  }
}
