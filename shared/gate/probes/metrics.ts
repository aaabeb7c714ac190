import { cutEnd } from '../../outcome/cut.ts'
import type { Http } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { holds, type Condition } from '../../config/schema/condition.ts'
import { familyOf, parseExposition, readLabels, type Exposition, type Series } from './exposition.ts'
import { metricSignal, type GatePlan } from '../plan.ts'
import type { Moment, Reading } from '../statistics/seen.ts'

/** The guide's path for metrics. */
const metricsPath = '/api/v1/metrics'

const timeoutMs = 5_000
/** A service with thousands of series is within it. */
const mostBytes = 8 * 2 ** 20
/** A value with a timestamp that is older says nothing of now: four scrapes of the guide's 15 s. */
export const freshMs = 60_000

/** Reads the service's metrics once, and holds every condition against them. */
export async function readMetrics(http: Http, plan: GatePlan, moment: Moment): Promise<Reading[]> {
  const { url, metrics } = plan
  const { atMs, now, signal } = moment
  const all = (gap: string) => metrics.map((each): Reading => ({ signal: metricSignal(each), atMs, gap }))
  try {
    const answer = await http.request({
      url: url + metricsPath,
      headers: { accept: 'text/plain;version=0.0.4' },
      timeoutMs,
      maxBytes: mostBytes,
      signal,
    })
    if (answer.status !== 200) return all(`${metricsPath} answers ${answer.status}`)
    if (answer.truncated) return all(`${metricsPath} is longer than ${mostBytes / 2 ** 20} MiB`)
    const read = parseExposition(answer.body)
    if ('why' in read) return all(`${metricsPath}:${read.line}: ${read.why}`)
    return metrics.map(each => ({ signal: metricSignal(each), atMs, ...measure(each, read, now) }))
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return all(`${metricsPath}: ${error.finding}`)
  }
}

/**
 * The value of a condition's series; of several, the one that is nearest to breaking it.
 * @param now milliseconds since 1970
 */
export function measure(
  condition: Condition,
  { series, types }: Exposition,
  now: number,
): { value: number; of: string } | { gap: string } {
  const wanted = readSelector(condition.expr)
  const found = series.filter(
    ({ name, labels }) =>
      name === wanted.name && Object.entries(wanted.labels).every(([key, value]) => labels[key] === value),
  )
  if (found.length === 0) return { gap: `${metricsPath} has no ${condition.expr}` }
  const type = types.get(familyOf(wanted.name, types))
  if (type === 'counter' || type === 'histogram')
    return { gap: `${wanted.name} only ever grows (${type}): ask Prometheus for its rate, with queries` }
  const stale = found.find(({ at }) => at !== undefined && now - at > freshMs)
  if (stale) return { gap: `${wanted.name} is ${Math.round((now - (stale.at ?? 0)) / 1_000)} s old` }
  if (found.some(({ value }) => Number.isNaN(value))) return { gap: `${wanted.name} is NaN` }
  const worst = found.reduce((one, other) => (isWorse(condition, other.value, one.value) ? other : one))
  return { value: worst.value, of: found.length > 1 ? labelsOf(worst) : '' }
}

/** A name, perhaps with the exact values of some labels: `nodejs_eventloop_delay_seconds{quantile="0.99"}`. */
export function readSelector(expr: string): { name: string; labels: Record<string, string> } {
  const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*/.exec(expr)?.[0] ?? ''
  const read = readLabels(expr.slice(name.length))
  return typeof read === 'string' || read.rest !== ''
    ? { name: '', labels: {} }
    : { name, labels: read.labels }
}

/** Further on the way to what the condition does not want. */
export function isWorse(condition: Condition, value: number, than: number): boolean {
  const upper = condition.operator.startsWith('<')
  return holds(condition, than) !== holds(condition, value)
    ? !holds(condition, value)
    : upper
      ? value > than
      : value < than
}

export function labelsOf({ labels }: Pick<Series, 'labels'>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
  return cutEnd(pairs.join(', '), 80)
}
