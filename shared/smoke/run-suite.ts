import { quote } from '../outcome/errors.ts'
import { excerpt } from '../outcome/excerpt.ts'
import type { Clock } from '../host/clock.ts'
import { openHttp, type Http, type HttpAnswer } from '../integrations/http/http.ts'
import type { HttpTimings } from '../integrations/http/http-timings.ts'
import { HttpFault } from '../integrations/http/http-fault.ts'
import type { Secrets } from '../host/secrets/secrets.ts'
import { showJson, valueAt } from '../host/json.ts'
import { parseJson, unmet } from './expectation.ts'
import { prepare, type Prepared } from './prepare.ts'
import type { Values } from './references.ts'
import { capturedSecrets, type SmokeRequest, type Suite } from './suite.ts'

/** What became of one request. */
export interface RequestResult {
  name: string
  /** `POST /api/v1/users (create)` */
  title: string
  where: string
  /** `silent`: it got no answer; `unsent`: it was not sent at all. */
  verdict: 'met' | 'unmet' | 'silent' | 'unsent'
  /** Everything that was not as expected; empty when all was. */
  unmet: string[]
  status: number | undefined
  timings: HttpTimings | undefined
  /** The beginning of an answer that was not as expected. */
  body?: string
  /** How often it was sent. */
  tries: number
  /** Why its suite allows more than one try; empty when it does not. */
  retriedBecause: string
}

/** When so many in a row got no answer, the service is down: the others would only wait for it. */
const silentInARow = 3

export interface SuitePorts {
  clock: Clock
  secrets: Secrets
  signal: AbortSignal
}

/** Where a suite is sent. */
export interface Site {
  /** Without a trailing slash. */
  url: string
  /** Other origins to which a redirect is followed that a request allows. */
  redirectsTo: readonly string[]
}

/**
 * Sends the requests of a suite one after the other; a later one may use what an earlier one gave, which is put into
 * `known`.
 * @param known values of the environment variables that the suite names, as `env:NAME`
 */
export async function runSuite(
  site: Site,
  suite: Suite,
  known: Values,
  ports: SuitePorts,
): Promise<RequestResult[]> {
  const http = openHttp({ kept: 1 })
  const secret = capturedSecrets(suite)
  const learn = (name: string, value: unknown) => {
    known[name] = value
    if (secret.has(name)) ports.secrets.add(typeof value === 'string' ? value : showJson(value))
  }
  const results: RequestResult[] = []
  try {
    let silent = 0
    for (const request of suite.requests) {
      const result =
        silent < silentInARow
          ? await send({ http, site, request, known, learn }, ports)
          : unsent(request, [`not sent: the ${silentInARow} before it got no answer`])
      results.push(result)
      if (result.verdict !== 'unsent') silent = result.verdict === 'silent' ? silent + 1 : 0
    }
    return results
  } finally {
    http.close()
  }
}

interface Sending {
  http: Http
  site: Site
  request: SmokeRequest
  known: Values
  learn: (name: string, value: unknown) => void
}

async function send(sending: Sending, { clock, signal }: SuitePorts): Promise<RequestResult> {
  const { request, known } = sending
  const prepared = prepare(request, known)
  if ('obstacles' in prepared) return unsent(request, prepared.obstacles)
  const { times, everyMs, because } = request.retry
  for (let tries = 1; ; tries += 1) {
    const result = await attempt(sending, prepared, signal)
    if (result.verdict === 'met' || tries > times) return { ...result, tries, retriedBecause: because }
    await clock.sleep(everyMs, signal)
  }
}

async function attempt(
  { http, site: { url, redirectsTo: origins }, request, learn }: Sending,
  { path, headers, body }: Prepared,
  signal: AbortSignal,
): Promise<RequestResult> {
  const { method, timeoutMs, redirects: hops } = request
  const asked = { url: url + path, method, headers, timeoutMs, hops, origins, signal }
  try {
    const answer = await http.request(body === undefined ? asked : { ...asked, body })
    const wrong = [...unmet(request.expect, answer), ...capture(request, answer, learn)]
    const missed = hops > 0 && wrong.length > 0 ? [...notFollowed(answer), ...wrong] : wrong
    const { status, timings } = answer
    return {
      ...unsent(request, missed),
      verdict: missed.length === 0 ? 'met' : 'unmet',
      status,
      timings,
      ...(missed.length === 0 ? {} : { body: excerpt(answer.body) }),
    }
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return { ...unsent(request, [error.finding]), verdict: 'silent' }
  }
}

function notFollowed({ elsewhere }: HttpAnswer): string[] {
  return elsewhere === undefined
    ? []
    : [`redirects to ${elsewhere}, which redirects-to of the runbook does not name`]
}

function unsent({ method, path, name, where }: SmokeRequest, why: string[]): RequestResult {
  const title = `${method} ${path} (${name})`
  const nothing = { status: undefined, timings: undefined, tries: 0, retriedBecause: '' }
  return { name, title, where, verdict: 'unsent', unmet: why, ...nothing }
}

function capture(request: SmokeRequest, answer: HttpAnswer, learn: Sending['learn']): string[] {
  const paths = Object.entries(request.capture)
  if (paths.length === 0) return []
  const document = parseJson(answer)?.json
  return paths.flatMap(([name, path]) => {
    const value = valueAt(document, path)
    if (value === undefined) return [`has no ${path} to capture as ${quote(name)}`]
    learn(name, value)
    return []
  })
}
