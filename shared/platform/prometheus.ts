import { ToolError } from '../outcome/errors.ts'
import { withoutEnd } from '../outcome/strip.ts'
import { openHttp } from './http.ts'

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

/** Asks a running Prometheus, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/). */
export interface Prometheus {
  /** @throws ToolError when the query is wrong, or it takes longer than the time given */
  query(expr: string): Promise<Sample[]>
  targets(): Promise<ScrapeTarget[]>
  alerts(): Promise<Alert[]>
  /** The alerts that are loaded, firing or not. */
  rules(): Promise<LoadedRule[]>
  /** A query as Prometheus itself writes it, so that two can be compared; the spaces in it mean nothing. */
  format(expr: string): Promise<string>
  close(): void
}

const maxAnswerBytes = 16 * 2 ** 20

/**
 * @param url base URL; a path before `/api` is kept
 * @param headers for what stands before it: `Authorization`
 * @param timeoutMs of each question
 */
export function openPrometheus(
  url: string,
  headers: Record<string, string>,
  timeoutMs: number,
  signal: AbortSignal,
): Prometheus {
  const http = openHttp({ kept: 4 })
  const base = withoutEnd(url, '/')

  async function ask<T>(path: string, parameters: Record<string, string> = {}): Promise<T> {
    const answer = await http.request({
      url: `${base}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
      headers: { accept: 'application/json', ...headers },
      timeoutMs,
      maxBytes: maxAnswerBytes,
      signal,
    })
    const said = parse(answer.body)
    if (said?.status === 'success' && !answer.truncated) return said.data as T
    const why = answer.truncated
      ? `more than ${maxAnswerBytes / 2 ** 20} MiB`
      : (said?.error ?? 'no JSON of Prometheus')
    throw new ToolError(`Prometheus at ${base} answered ${path} with HTTP ${answer.status}: ${why}`, {
      tool: 'Prometheus',
      code: answer.status,
      hint:
        said?.errorType === 'bad_data'
          ? 'Mend the query: try it in the web interface of Prometheus.'
          : `Check that ${base} is the base URL of a Prometheus, and that you may ask it.`,
    })
  }

  return {
    async query(expr) {
      const { resultType, result } = await ask<QueryResult>('query', { query: expr })
      if (resultType === 'scalar') return [sampleOf({}, result as Point)]
      if (resultType !== 'vector') return []
      return (result as { metric: Record<string, string>; value: Point }[]).map(({ metric, value }) =>
        sampleOf(metric, value),
      )
    },
    async targets() {
      const { activeTargets } = await ask<{ activeTargets: ActiveTarget[] }>('targets', { state: 'active' })
      return activeTargets.map(({ labels, health, lastError }) => ({
        job: labels['job'] ?? '',
        instance: labels['instance'] ?? '',
        environment: labels['environment'] ?? '',
        up: health === 'up',
        lastError,
      }))
    },
    async alerts() {
      const { alerts } = await ask<{ alerts: ActiveAlert[] }>('alerts')
      return alerts.map(({ labels, annotations, state }) => ({
        name: labels['alertname'] ?? '',
        state: state === 'firing' ? 'firing' : 'pending',
        labels,
        summary: annotations['summary'] ?? '',
      }))
    },
    async rules() {
      const { groups } = await ask<{ groups: RuleGroup[] }>('rules', { type: 'alert' })
      return groups.flatMap(({ name: group, rules }) =>
        rules.map(({ name, query, lastError = '' }) => ({ group, name, query, lastError })),
      )
    },
    format: expr => ask<string>('format_query', { query: expr }),
    close: () => http.close(),
  }
}

/** Seconds since 1970, and the value as text: `NaN` and `+Inf` have no number in JSON. */
type Point = [at: number, value: string]

interface QueryResult {
  resultType: 'vector' | 'scalar' | 'matrix' | 'string'
  result: unknown
}

interface RuleGroup {
  name: string
  rules: { name: string; query: string; lastError?: string }[]
}

interface ActiveTarget {
  labels: Record<string, string>
  health: 'up' | 'down' | 'unknown'
  lastError: string
}

interface ActiveAlert {
  labels: Record<string, string>
  annotations: Record<string, string>
  state: string
}

function sampleOf(labels: Record<string, string>, [at, value]: Point): Sample {
  const infinite = /^([+-])Inf$/.exec(value)
  return {
    labels,
    value: infinite ? (infinite[1] === '-' ? -Infinity : Infinity) : Number(value),
    at: at * 1000,
  }
}

interface Envelope {
  status?: string
  data?: unknown
  error?: string
  errorType?: string
}

function parse(body: string): Envelope | undefined {
  try {
    return JSON.parse(body) as Envelope
  } catch {
    return undefined
  }
}
