/** Upper bounds in seconds: Prometheus' own defaults. */
export const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Durations counted into buckets, so that any number of them takes the same room. */
export class Histogram {
  counts = Array.from({ length: BOUNDS.length + 1 }, () => 0)
  count = 0
  sum = 0

  /** @param {number} seconds */
  observe(seconds) {
    const index = BOUNDS.findIndex(bound => seconds <= bound)
    const bucket = index === -1 ? BOUNDS.length : index
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.count += 1
    this.sum += seconds
  }

  /** @param {Histogram} other */
  add(other) {
    this.counts = this.counts.map((count, index) => count + (other.counts[index] ?? 0))
    this.count += other.count
    this.sum += other.sum
  }

  /**
   * Estimates a quantile as Prometheus' `histogram_quantile` does: linear inside a bucket; the highest bound when it
   * lies beyond. Null without observations.
   * @param {number} q from 0 to 1
   * @returns {number | null} seconds
   */
  quantile(q) {
    if (this.count === 0) return null
    const rank = q * this.count
    let below = 0
    for (const [index, upper] of BOUNDS.entries()) {
      const inBucket = this.counts[index] ?? 0
      if (below + inBucket >= rank && inBucket > 0) {
        const lower = BOUNDS[index - 1] ?? 0
        return lower + ((upper - lower) * (rank - below)) / inBucket
      }
      below += inBucket
    }
    return BOUNDS[BOUNDS.length - 1] ?? null
  }
}
