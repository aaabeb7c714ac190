import type { Clock } from '../../host/clock.ts'

/** A part that runs out of time has this long to say so before the step's own timeout cuts it off. */
const marginMs = 10_000

/**
 * Shares a step's timeout among its parts, so that a part ends by itself, with its evidence, before the step is ended.
 * @param timeoutMs the whole step's
 * @returns tells how many milliseconds the next part may take
 */
export function budgetOf(clock: Clock, timeoutMs: number): () => number {
  const end = clock.elapsed() + timeoutMs
  return () => {
    const left = end - clock.elapsed()
    return Math.max(0, left - marginMs, left / 2)
  }
}
