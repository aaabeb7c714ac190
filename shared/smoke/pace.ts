/**
 * A late timer may be made up for by so much, milliseconds: the rate is kept at what it may be, and exceeded by no more
 * than 1% in any second.
 */
const toleranceMs = 10

/**
 * When each request may be sent, so that no second sees more than the rate allows: the generic cell rate algorithm
 * (ITU-T I.371). What a service that stalled has missed is not sent on top afterwards.
 */
export class Pace {
  readonly #everyMs: number
  #next: number | undefined

  /** @param maxRate requests a second */
  constructor(maxRate: number) {
    this.#everyMs = 1_000 / maxRate
  }

  /**
   * Takes the next place in the row.
   * @param now milliseconds of a monotonic clock
   * @returns the moment on the same clock at which the request may be sent; one that has passed says: at once
   */
  next(now: number): number {
    const due = Math.max(this.#next ?? now, now - toleranceMs)
    this.#next = due + this.#everyMs
    return due
  }
}
