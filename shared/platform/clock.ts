import { setTimeout as sleep } from 'node:timers/promises'

/** Time, as an argument. */
export interface Clock {
  /** Wall clock, milliseconds since 1970: for records and deadlines that others read. */
  now(): number
  /** Monotonic milliseconds: for measuring. */
  elapsed(): number
  /** Waits; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal ? { signal } : {})
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}
