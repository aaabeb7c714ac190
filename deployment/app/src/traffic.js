import { Histogram } from './histogram.js'

/** Error rate and throughput are told over this many seconds: four scrapes. */
export const WINDOW_SECONDS = 60

/** @typedef {{method: string, route: string, status: number, seconds: number}} Answered */
/** @typedef {{second: number, errors: number, durations: Histogram}} Slot */

/** Counts every answered request: since start for Prometheus, and over the last minute for people. */
export class Traffic {
  inFlight = 0
  apiCalls = 0
  /** @type {Map<string, Answered & {durations: Histogram}>} by method, route and status */
  series = new Map()
  /** @type {Slot[]} one a second, the oldest is used again */
  #window = []
  #now
  #started

  /** @param {() => number} now seconds, monotonic */
  constructor(now = () => performance.now() / 1000) {
    this.#now = now
    this.#started = now()
  }

  /** @param {Answered} answered route is the pattern, never the path: paths are without number */
  observe(answered) {
    const key = `${answered.method} ${answered.route} ${answered.status}`
    const series = this.series.get(key) ?? { ...answered, durations: new Histogram() }
    series.durations.observe(answered.seconds)
    this.series.set(key, series)
    if (isProbe(answered.route)) return

    const slot = this.#slot()
    slot.durations.observe(answered.seconds)
    if (answered.status >= 500) slot.errors += 1
    if (isApiCall(answered.route)) this.apiCalls += 1
  }

  /** The last minute, or since start when that is shorter. Probes of /health and /ready are left out. */
  recent() {
    const now = this.#now()
    const durations = new Histogram()
    let errors = 0
    const oldest = Math.floor(now) - WINDOW_SECONDS + 1
    for (const slot of this.#window.filter(({ second }) => second >= oldest)) {
      durations.add(slot.durations)
      errors += slot.errors
    }
    const windowSeconds = Math.min(WINDOW_SECONDS, Math.max(1, now - this.#started))
    return { windowSeconds, requests: durations.count, errors, durations }
  }

  #slot() {
    const second = Math.floor(this.#now())
    const index = second % WINDOW_SECONDS
    const current = this.#window[index]
    if (current?.second === second) return current
    const fresh = { second, errors: 0, durations: new Histogram() }
    this.#window[index] = fresh
    return fresh
  }
}

/** @param {string} route */
const isProbe = route => route === '/health' || route === '/ready'

/** What a user of the API asked for: not what watches it. @param {string} route */
const isApiCall = route => route.startsWith('/api/') && !['/api/v1/status', '/api/v1/metrics'].includes(route)
