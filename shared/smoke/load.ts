import type { Histogram } from 'hdr-histogram-js'
import type { Clock } from '../host/clock.ts'
import { Lane } from '../integrations/http/http-lane.ts'
import { Pace } from './pace.ts'
import { RiseDetector } from './rise.ts'

/** A bounded number of requests to one URL. */
export interface LoadPlan {
  url: string
  headers: Record<string, string>
  requests: number
  /** Requests under way at the same time, each on a connection of its own that is used again. */
  concurrency: number
  /** Requests a second at most. */
  maxRate: number
  /** A share of 1; once so many requests have failed that it is exceeded, no more are sent. */
  maxErrorRate: number
  /** Milliseconds; an answer that takes longer counts as none. */
  timeoutMs: number
}

/** Milliseconds within which this share of the answers came; NaN when there was none. */
export interface Percentiles {
  p50: number
  p90: number
  p95: number
  p99: number
  p999: number
  max: number
}

export interface LoadResult {
  /** Requests that were answered or failed. */
  sent: number
  failed: number
  /** Requests a second, over the whole time. */
  rps: number
  /**
   * Corrected for coordinated omission, as wrk's are: while an answer is late, its connection does not send what it
   * would have sent, so the waits of those unsent requests are counted in.
   */
  percentiles: Percentiles
  /** Of the answers as they came, as ab's and autocannon's are. */
  uncorrected: Percentiles
  /** How often each kind of failure was seen: `503`, `connection refused`. */
  failures: Map<string, number>
  /** Connections that were made; `concurrency` when each could be used again. */
  connections: number
  /** Why it was ended early: more had failed than may, or the rate of failures had risen. */
  stopped: 'exceeded' | 'rise' | undefined
}

/** Of an answer; what a load asks for is small. */
const maxBytes = 256 * 1024

/**
 * Sends the load.
 * @throws the signal's reason when it is aborted
 */
export async function sendLoad(plan: LoadPlan, clock: Clock, signal: AbortSignal): Promise<LoadResult> {
  const histogram = await createHistogram(plan.timeoutMs)
  signal.throwIfAborted()
  const load = new Load(plan, clock, signal, histogram)
  const start = clock.elapsed()
  const stopped = await load.run()
  const seconds = (clock.elapsed() - start) / 1_000
  // What one connection took for each request on average, waiting for its turn included; in the unit of the histogram.
  const interval = Math.round((seconds * 1e6 * load.lanes.length) / Math.max(1, histogram.totalCount))
  const { sent, failed, failures } = load
  return {
    sent,
    failed,
    rps: sent / seconds,
    percentiles: percentilesOf(histogram.copyCorrectedForCoordinatedOmission(interval)),
    uncorrected: percentilesOf(histogram),
    failures,
    connections: load.lanes.reduce((sum, { connections }) => sum + connections, 0),
    stopped,
  }
}

class Load {
  readonly #plan: LoadPlan
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #histogram: Histogram
  readonly #pace: Pace
  readonly #rise: RiseDetector
  readonly #most: number
  #started = 0
  #stopped: LoadResult['stopped']
  readonly #over = new AbortController()
  readonly #end = Promise.withResolvers<LoadResult['stopped']>()
  readonly lanes: Lane[]
  readonly failures = new Map<string, number>()
  sent = 0
  failed = 0

  constructor(plan: LoadPlan, clock: Clock, signal: AbortSignal, histogram: Histogram) {
    const { url, headers, requests, concurrency, maxRate, maxErrorRate, timeoutMs } = plan
    this.#plan = plan
    this.#clock = clock
    this.#signal = AbortSignal.any([signal, this.#over.signal])
    this.#histogram = histogram
    this.#pace = new Pace(maxRate)
    this.#rise = new RiseDetector(maxErrorRate, requests)
    // 0.7% of 1000 is 7, and 6.999999999999999 in floating point.
    this.#most = Math.floor(Number((maxErrorRate * requests).toPrecision(12)))
    const options = { url: new URL(url), headers, timeoutMs, maxBytes }
    this.lanes = Array.from({ length: Math.min(concurrency, requests) }, () => new Lane(options))
  }

  async run(): Promise<LoadResult['stopped']> {
    const onAbort = () => this.#end.reject(this.#signal.reason)
    this.#signal.addEventListener('abort', onAbort)
    try {
      for (const lane of this.lanes) this.#next(lane)
      return await this.#end.promise
    } finally {
      // Nothing more is sent, and what is under way is given up.
      this.#over.abort()
      for (const lane of this.lanes) lane.close()
    }
  }

  #next(lane: Lane): void {
    if (this.#started === this.#plan.requests) return
    this.#started += 1
    const now = this.#clock.elapsed()
    const early = this.#pace.next(now) - now
    if (early < 1) this.#ask(lane, now)
    else {
      this.#clock.sleep(early, this.#signal).then(
        () => this.#ask(lane, this.#clock.elapsed()),
        () => undefined,
      )
    }
  }

  #ask(lane: Lane, from: number): void {
    lane.ask((status, fault) => {
      this.#count(status, fault, this.#clock.elapsed() - from)
      const stopped = this.#stopped
      if (stopped !== undefined || this.sent === this.#plan.requests) this.#end.resolve(stopped)
      else this.#next(lane)
    })
  }

  #count(status: number, fault: string | undefined, ms: number): void {
    this.sent += 1
    if (fault === undefined) {
      const microseconds = Math.round(ms * 1_000)
      this.#histogram.recordValue(Math.min(Math.max(1, microseconds), this.#histogram.highestTrackableValue))
    }
    const failed = fault !== undefined || status < 200 || status > 299
    const risen = this.#rise.saw(failed)
    if (!failed) return
    const kind = fault ?? String(status)
    this.failed += 1
    this.failures.set(kind, (this.failures.get(kind) ?? 0) + 1)
    if (risen) this.#stopped = 'rise'
    else if (this.failed > this.#most) this.#stopped = 'exceeded'
  }
}

/** Microseconds, to three digits. An answer is later than its bound only when the machine was asleep. */
async function createHistogram(timeoutMs: number): Promise<Histogram> {
  const { build } = await import('hdr-histogram-js')
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: Math.ceil(timeoutMs * 1_000 * 2),
    numberOfSignificantValueDigits: 3,
  })
}

function percentilesOf(histogram: Histogram): Percentiles {
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? NaN : histogram.getValueAtPercentile(percentile) / 1_000
  return { p50: at(50), p90: at(90), p95: at(95), p99: at(99), p999: at(99.9), max: at(100) }
}
