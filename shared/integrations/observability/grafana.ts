import { ToolError } from '../../outcome/errors.ts'
import { withoutEnd } from '../../outcome/strip.ts'
import { openHttp } from '../http/http.ts'

/** A moment on every dashboard that asks for one of its tags. */
export interface Annotation {
  /** Milliseconds since 1970. */
  from: number
  to: number
  tags: string[]
  text: string
}

/** Writes to a Grafana by its HTTP API (https://grafana.com/docs/grafana/latest/developers/http_api/). */
export interface Grafana {
  /**
   * Puts a dashboard in the place of the one with its uid.
   * @returns where people find it
   */
  putDashboard(dashboard: object, message: string): Promise<string>
  annotate(annotation: Annotation): Promise<void>
  close(): void
}

/**
 * @param token of a service account with the role Editor
 * @param timeoutMs of each request
 */
export function openGrafana(url: string, token: string, timeoutMs: number, signal: AbortSignal): Grafana {
  const http = openHttp({ kept: 1 })
  const base = withoutEnd(url, '/')

  async function post(path: string, body: object): Promise<Record<string, unknown>> {
    const answer = await http.request({
      url: `${base}${path}`,
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify(body),
      timeoutMs,
      signal,
    })
    const said = parse(answer.body)
    if (answer.status === 200 && said) return said
    const refused = answer.status === 401 || answer.status === 403
    throw new ToolError(
      `Grafana at ${base} answered ${path} with HTTP ${answer.status}${typeof said?.['message'] === 'string' ? `: ${said['message']}` : ''}`,
      {
        tool: 'Grafana',
        code: answer.status,
        hint: refused
          ? 'Give GRAFANA_TOKEN the token of a service account with the role Editor.'
          : `Check that ${base} is the base URL of a Grafana.`,
      },
    )
  }

  return {
    async putDashboard(dashboard, message) {
      const { url: path } = await post('/api/dashboards/db', { dashboard, overwrite: true, message })
      return new URL(typeof path === 'string' ? path : '', `${base}/`).href
    },
    async annotate({ from, to, tags, text }) {
      await post('/api/annotations', { time: from, timeEnd: to, tags, text })
    },
    close: () => http.close(),
  }
}

function parse(body: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch {
    return undefined
  }
}
