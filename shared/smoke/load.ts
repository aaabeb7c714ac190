import type { Clock } from '../platform/clock.ts'
import { openHttp, type Http } from '../platform/http.ts'
import { HttpFault } from '../platform/http-fault.ts'

/** A bounded number of requests to one URL. */
export interface LoadPlan {
  url: string
  requests: number
  /** Requests under way at the same time, each on a connection of its own that is used again. */
  concurrency: number
  /** Requests a second at most. */
  maxRate: number
  /** A share of 1; once so many requests have failed that it is exceeded, no more are sent. */
  maxErrorRate: number
}

export interface LoadResult {
  /** Requests that were answered or failed. */
  sent: number
  failed: number
  /** Requests a second, over the whole time. */
  rps: number
  /** Milliseconds within which this share of the answers came; NaN when there was none. */
  percentiles: { p50: number; p95: number; p99: number; max: number }
  /** How often each kind of failure was seen: `503`, `connection refused`. */
  failures: Map<string, number>
  /** It was ended early because too many requests failed. */
  stopped: boolean
}

/** An answer that takes longer counts as none. */
const requestTimeoutMs = 10_000
/** Of an answer; what a load asks for is small. */
const maxBytes = 256 * 1024

/** Sends the load. */
export async function sendLoad(plan: LoadPlan, clock: Clock, signal: AbortSignal): Promise<LoadResult> {
  const { build } = await import('hdr-histogram-js')
  // Microseconds, to three digits, up to the longest answer that is waited for.
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: requestTimeoutMs * 1_000 * 2,
    numberOfSignificantValueDigits: 3,
  })
  const failures = new Map<string, number>()
  const most = Math.floor(plan.maxErrorRate * plan.requests)
  let [started, sent, failed] = [0, 0, 0]
  const http = openHttp({ kept: plan.concurrency })
  const start = clock.elapsed()

  const worker = async () => {
    while (started < plan.requests && failed <= most) {
      const due = start + (started * 1_000) / plan.maxRate
      started += 1
      const early = due - clock.elapsed()
      if (early >= 1) await clock.sleep(early, signal)
      const { failure, ms } = await ask(http, plan.url, signal)
      sent += 1
      if (ms !== undefined) histogram.recordValue(Math.max(1, Math.round(ms * 1_000)))
      if (failure === undefined) continue
      failed += 1
      failures.set(failure, (failures.get(failure) ?? 0) + 1)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(plan.concurrency, plan.requests) }, worker))
  } finally {
    http.close()
  }
  const seconds = (clock.elapsed() - start) / 1_000
  const at = (percentile: number) =>
    histogram.totalCount === 0 ? NaN : histogram.getValueAtPercentile(percentile) / 1_000
  return {
    sent,
    failed,
    rps: sent / seconds,
    percentiles: { p50: at(50), p95: at(95), p99: at(99), max: at(100) },
    failures,
    stopped: sent < plan.requests,
  }
}

async function ask(
  http: Http,
  url: string,
  signal: AbortSignal,
): Promise<{ failure: string | undefined; ms: number | undefined }> {
  try {
    const { status, timings } = await http.request({ url, timeoutMs: requestTimeoutMs, maxBytes, signal })
    const ok = status >= 200 && status < 300
    return { failure: ok ? undefined : String(status), ms: timings.total }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return { failure: error.finding, ms: undefined }
  }
}
