import { quote } from '../outcome/errors.ts'
import { openHttp, type Http, type HttpAnswer, type HttpTimings } from '../platform/http.ts'
import { HttpFault } from '../platform/http-fault.ts'
import { parseJson, unmet } from './expectation.ts'
import { valueAt } from './json-path.ts'
import { captureReferences, resolveReferences, type Values } from './references.ts'
import type { SmokeRequest, Suite } from './suite.ts'

/** What became of one request. */
export interface RequestResult {
  /** `POST /api/v1/users (create)` */
  title: string
  where: string
  /** Everything that was not as expected; empty when all was. */
  unmet: string[]
  status: number | undefined
  timings: HttpTimings | undefined
}

/** An answer that takes longer counts as none. */
const requestTimeoutMs = 10_000

/**
 * Sends the requests of a suite one after the other; a later one may use what an earlier one gave.
 * @param values of the environment variables that the suite names, as `env:NAME`
 */
export async function runSuite(
  url: string,
  suite: Suite,
  values: Values,
  signal: AbortSignal,
): Promise<RequestResult[]> {
  const http = openHttp({ kept: 1 })
  const known: Values = { ...values }
  const results: RequestResult[] = []
  try {
    for (const request of suite.requests) results.push(await send(http, url, request, known, signal))
    return results
  } finally {
    http.close()
  }
}

async function send(
  http: Http,
  url: string,
  request: SmokeRequest,
  known: Values,
  signal: AbortSignal,
): Promise<RequestResult> {
  const { name, where, method = 'GET' } = request
  const result = {
    title: `${method} ${request.path} (${name})`,
    where,
    status: undefined,
    timings: undefined,
  }
  const missing = captureReferences(request).filter(each => !(each in known))
  if (missing.length > 0) {
    return { ...result, unmet: missing.map(each => `needs ${each}, which no request before it gave`) }
  }
  try {
    const { path, headers = {}, body } = resolveReferences(request, known)
    const answer = await http.request({
      url: url + path,
      method,
      headers: typeof body === 'object' ? { 'content-type': 'application/json', ...headers } : headers,
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      timeoutMs: requestTimeoutMs,
      signal,
    })
    const missed = unmet(request.expect, answer)
    const uncaptured = capture(request, answer, known)
    return { ...result, status: answer.status, timings: answer.timings, unmet: [...missed, ...uncaptured] }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return { ...result, unmet: [error.finding] }
  }
}

function capture(request: SmokeRequest, answer: HttpAnswer, known: Values): string[] {
  const paths = Object.entries(request.capture)
  if (paths.length === 0) return []
  const document = parseJson(answer)?.json
  return paths.flatMap(([name, path]) => {
    const value = valueAt(document, path)
    // A header cannot hold it, and nobody means to capture it.
    if (value === undefined || (typeof value === 'string' && /[\r\n]/.test(value)))
      return [`has no ${path} to capture as ${quote(name)}`]
    known[name] = value
    return []
  })
}
