/** A rate of failures that is worth finding at once, when no more than 2% is allowed; otherwise five times what is. */
const illRate = 0.1
/** The chance that a load whose failures stay within what is allowed is ended early. */
const alpha = 0.001

/**
 * Notices that the rate of failures has risen above what is allowed, wherever in a load that happens: Page's cumulative
 * sum of the logarithms of likelihood ratios, `ill` against `allowed` (Continuous inspection schemes, 1954). Lorden
 * (1971): under the allowed rate it takes at least e^threshold requests on average to a false alarm; so the threshold is
 * ln(requests / alpha). Of 1,000 requests with 1% allowed, it takes 6 failures in a row, or about 30 requests of which
 * 30% fail.
 */
export class RiseDetector {
  readonly #failure: number
  readonly #success: number
  readonly #threshold: number
  #sum = 0

  /**
   * @param allowed share of 1
   * @param requests that are to be made in all
   */
  constructor(allowed: number, requests: number) {
    const ill = Math.min(0.9, Math.max(illRate, 5 * allowed))
    // Where most may fail, nothing can be said before the end.
    const tells = allowed < ill
    this.#failure = tells ? Math.log(ill / allowed) : 0
    this.#success = tells ? Math.log((1 - ill) / (1 - allowed)) : 0
    this.#threshold = tells ? Math.log(requests / alpha) : Infinity
  }

  /** @returns whether it has risen */
  saw(failed: boolean): boolean {
    this.#sum = Math.max(0, this.#sum + (failed ? this.#failure : this.#success))
    return this.#sum >= this.#threshold
  }
}
