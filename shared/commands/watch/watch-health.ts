import type { Outcome } from '../../outcome/outcome.ts'
import type { Ports } from '../step/ports.ts'

/** Who is told of a look. */
export interface Audience {
  /** Of the first, and of every change. */
  report: (outcome: Outcome) => Promise<void> | void
  /** Of those that came to the same as the one before: an alert that hears nothing for half an hour goes quiet. */
  repeat: (outcome: Outcome) => Promise<void>
}

/**
 * Looks again and again, until the run is cancelled. The first look and every change are reported; of the others the log
 * has a line each.
 * @param everyMs from the start of one look to the start of the next; a look that takes longer is followed at once
 * @returns the last look, with nothing in it that is news
 */
export async function watchHealth(
  look: () => Promise<Outcome>,
  everyMs: number,
  { clock, log, signal }: Pick<Ports, 'clock' | 'log' | 'signal'>,
  { report, repeat }: Audience,
): Promise<Outcome> {
  let last: Outcome | undefined
  for (;;) {
    const start = clock.elapsed()
    const outcome = await look()
    // Nothing was looked at: a wrong input will be wrong in ten minutes too, and a look that was cut short says nothing.
    if (outcome.outputs['health'] === undefined) return last && signal.aborted ? last : outcome
    if (!last || outcome.outputs['health-changed'] === 'true') await report(outcome)
    else {
      log.info(`${new Date(clock.now()).toISOString()} ${outcome.outputs['health']}: ${outcome.summary}`)
      await repeat(outcome)
    }
    last = { ...outcome, outputs: { ...outcome.outputs, 'health-changed': 'false' } }
    try {
      await clock.sleep(Math.max(0, everyMs - (clock.elapsed() - start)), signal)
    } catch (error) {
      if (!signal.aborted) throw error
      return last
    }
  }
}
