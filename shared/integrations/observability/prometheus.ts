import { ToolError } from '../../outcome/errors.ts'
import { withoutEnd } from '../../outcome/strip.ts'
import { openHttp } from '../http/http.ts'
import {
  alertsIn,
  envelopeIn,
  rulesIn,
  samplesIn,
  targetsIn,
  textIn,
  type Alert,
  type LoadedRule,
  type Sample,
  type ScrapeTarget,
} from './prometheus-answers.ts'

export type { Alert, LoadedRule, Sample, ScrapeTarget } from './prometheus-answers.ts'

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

  async function ask<T>(
    read: (data: unknown) => T | undefined,
    path: string,
    parameters: Record<string, string> = {},
  ): Promise<T> {
    const answer = await http.request({
      url: `${base}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
      headers: { accept: 'application/json', ...headers },
      timeoutMs,
      maxBytes: maxAnswerBytes,
      signal,
    })
    const said = answer.truncated ? undefined : envelopeIn(answer.body)
    const data = said?.status === 'success' ? read(said.data) : undefined
    if (data !== undefined) return data
    const why = answer.truncated
      ? `more than ${maxAnswerBytes / 2 ** 20} MiB`
      : (said?.error ?? 'no JSON of Prometheus')
    throw new ToolError(`Prometheus at ${base} answered ${path} with HTTP ${answer.status}: ${why}`, {
      tool: 'Prometheus',
      code: answer.status,
      hint:
        said?.errorType === 'bad_data'
          ? 'Fix the query: try it in the web interface of Prometheus.'
          : `Check that ${base} is the base URL of a Prometheus, and that you may ask it.`,
    })
  }

  return {
    query: expr => ask(samplesIn, 'query', { query: expr }),
    targets: () => ask(targetsIn, 'targets', { state: 'active' }),
    alerts: () => ask(alertsIn, 'alerts'),
    rules: () => ask(rulesIn, 'rules', { type: 'alert' }),
    format: expr => ask(textIn, 'format_query', { query: expr }),
    close: () => http.close(),
  }
}
