import { z } from 'zod'

/** One series of an instant query: its labels, and its newest value. */
export interface Sample {
  labels: Record<string, string>
  /** May be NaN or infinite: Prometheus says so of a division by zero. */
  value: number
  /** When it was measured, or for an expression evaluated: milliseconds since 1970. */
  at: number
}

/** One place that Prometheus scrapes. */
export interface ScrapeTarget {
  job: string
  instance: string
  environment: string
  up: boolean
  /** Why the last scrape failed; empty when it did not. */
  lastError: string
}

/** An alert that is pending or firing. */
export interface Alert {
  name: string
  state: 'pending' | 'firing'
  labels: Record<string, string>
  summary: string
}

/** An alert that Prometheus has read. */
export interface LoadedRule {
  group: string
  name: string
  /** As Prometheus writes it. */
  query: string
  /** Why it could not be evaluated the last time; empty when it could. */
  lastError: string
}

const texts = z.record(z.string(), z.string())
/** Seconds since 1970, and the value as text: `NaN` and `+Inf` have no number in JSON. */
const point = z.tuple([z.number(), z.string()])
const envelope = z.object({
  status: z.string(),
  /** Not there beside an error. */
  data: z.unknown().optional(),
  error: z.string().optional(),
  errorType: z.string().optional(),
})
const queried = z.union([
  z.object({ resultType: z.literal('scalar'), result: point }),
  z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: texts, value: point.optional() })),
  }),
  z.object({ resultType: z.enum(['matrix', 'string']) }),
])
const targets = z.object({
  activeTargets: z.array(z.object({ labels: texts, health: z.string(), lastError: z.string() })),
})
const alerts = z.object({
  alerts: z.array(z.object({ labels: texts, annotations: texts.default({}), state: z.string() })),
})
const rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(z.object({ name: z.string(), query: z.string(), lastError: z.string().optional() })),
    }),
  ),
})

/** What every answer is in. */
export type Envelope = z.infer<typeof envelope>

/** Undefined for what is no answer of Prometheus. */
export function envelopeIn(body: string): Envelope | undefined {
  try {
    return envelope.safeParse(JSON.parse(body)).data
  } catch {
    return undefined
  }
}

/** The samples of `/query`; a matrix and a text have none. Undefined for data of another shape, as in all of these. */
export function samplesIn(data: unknown): Sample[] | undefined {
  const read = queried.safeParse(data).data
  if (!read || !('result' in read)) return read && []
  if (read.resultType === 'scalar') return [sampleOf({}, read.result)]
  // A native histogram has no value.
  return read.result.flatMap(({ metric, value }) => (value ? [sampleOf(metric, value)] : []))
}

export function targetsIn(data: unknown): ScrapeTarget[] | undefined {
  return targets.safeParse(data).data?.activeTargets.map(({ labels, health, lastError }) => ({
    job: labels['job'] ?? '',
    instance: labels['instance'] ?? '',
    environment: labels['environment'] ?? '',
    up: health === 'up',
    lastError,
  }))
}

export function alertsIn(data: unknown): Alert[] | undefined {
  return alerts.safeParse(data).data?.alerts.map(({ labels, annotations, state }) => ({
    name: labels['alertname'] ?? '',
    state: state === 'firing' ? 'firing' : 'pending',
    labels,
    summary: annotations['summary'] ?? '',
  }))
}

export function rulesIn(data: unknown): LoadedRule[] | undefined {
  return rules
    .safeParse(data)
    .data?.groups.flatMap(({ name: group, rules: each }) =>
      each.map(({ name, query, lastError = '' }) => ({ group, name, query, lastError })),
    )
}

export function textIn(data: unknown): string | undefined {
  return typeof data === 'string' ? data : undefined
}

function sampleOf(labels: Record<string, string>, [at, value]: z.infer<typeof point>): Sample {
  const infinite = /^([+-])Inf$/.exec(value)
  return {
    labels,
    value: infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : Number(value),
    at: at * 1000,
  }
}
