import { DeadlineError } from '../../outcome/errors.ts'
import { longestTimer } from '../../host/clock.ts'
import { showDuration } from '../../config/values.ts'
import type { TargetPorts } from './ports.ts'

/** What ends a step whose timeout is over. */
export function overdue(timeoutMs: number): DeadlineError {
  return new DeadlineError(`The step did not end within ${showDuration(timeoutMs)}.`, {
    hint: 'See in the timings what took so long, or raise timeout.',
  })
}

/**
 * Gives work so long, also where nothing else ends it, as within a promotion: its lease is kept no longer than that.
 * @throws DeadlineError when the work was ended by it
 */
export async function inTime<T>(
  ports: TargetPorts,
  timeoutMs: number,
  work: (ports: TargetPorts) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(overdue(timeoutMs)), Math.min(timeoutMs, longestTimer))
  try {
    return await work(ports.under(AbortSignal.any([ports.signal, late.signal])))
  } catch (error) {
    late.signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
