import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds, some 24 days: a timer of Node that is set to more goes off at once. */
export const longestTimer = 2 ** 31 - 1

/** Time, as an argument. */
export interface Clock {
  /** Wall clock, milliseconds since 1970: for records and deadlines that others read. */
  now(): number
  /** Monotonic milliseconds: for measuring. */
  elapsed(): number
  /** Waits, `longestTimer` at most; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    try {
      await sleep(Math.min(ms, longestTimer), undefined, signal ? { signal } : {})
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  },
}
