import { excerpt } from '../../outcome/excerpt.ts'
import { showStatus, type Http, type HttpAnswer } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { parseExactJson } from '../../host/json.ts'
import { unmetJson } from '../../integrations/http/unmet-json.ts'
import { readMetrics } from './metrics.ts'
import type { Endpoint, GatePlan } from '../plan.ts'
import type { Moment, Reading, Round } from '../statistics/seen.ts'
import { readStatus, statusPath } from './status.ts'

/** A probe that takes longer has failed: twice what people wait for a page before they leave. */
const probeTimeoutMs = 5_000
/** As a service redirects that has moved a path, or that the runbook's `redirects-to` names. */
const hops = 3

/** What one round of probes saw. */
export interface Probed {
  round: Round
  readings: Reading[]
}

/** Asks every path once, and for the metrics if something is held against them, all at the same moment. */
export async function probe(http: Http, plan: GatePlan, moment: Moment): Promise<Probed> {
  const { endpoints, metrics } = plan
  const { atMs, signal } = moment
  const [seen, measured] = await Promise.all([
    Promise.all(endpoints.map(endpoint => ask(http, plan, endpoint, signal))),
    metrics.length > 0 ? readMetrics(http, plan, moment) : [],
  ])
  const known = seen.filter(each => each.isKnown)
  const times = known.map(({ ms }) => ms).filter(ms => ms !== undefined)
  const round = {
    atMs,
    failures: seen.flatMap(({ failures }) => failures),
    ...bodiesOf(seen),
    gaps: [
      ...seen.flatMap(({ gaps }) => gaps),
      ...(known.length > 0 ? [] : ['it has no path that is probed']),
    ],
    starting: seen.some(({ failures }) => failures.length > 0) && seen.every(each => each.starting),
    slowestMs: times.length > 0 && times.length === known.length ? Math.max(...times) : undefined,
  }
  const usage = seen.flatMap(each => Object.entries(each.usage))
  const shares = usage.map(([signal, told]): Reading => ({
    signal,
    atMs,
    ...('gap' in told ? told : { value: told.share, of: told.of }),
  }))
  return { round, readings: [...shares, ...measured] }
}

/** Nothing where no answer failed, so that a window of good ones costs no memory. */
function bodiesOf(seen: Seen[]): Pick<Round, 'bodies'> {
  const pairs = seen.flatMap(({ failures, body }) =>
    body === undefined ? [] : failures.map(failure => [failure, body] as const),
  )
  return pairs.length > 0 ? { bodies: Object.fromEntries(pairs) } : {}
}

interface Seen extends Pick<Round, 'failures' | 'gaps' | 'starting'> {
  /** The beginning of an answer that failed. */
  body?: string
  usage: ReturnType<typeof readStatus>['usage']
  ms: number | undefined
  /** False for a path that the release does not have, where that is no failure. */
  isKnown: boolean
}

async function ask(
  http: Http,
  { url, redirectsTo: origins }: GatePlan,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<Seen> {
  const { path } = endpoint
  const asked = { url: url + path, timeoutMs: probeTimeoutMs, hops, origins, signal }
  try {
    return read(endpoint, await http.request(asked))
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    const said = `GET ${path}: ${error.finding}`
    const unmeasured = isUnmeasured(error)
    return {
      failures: unmeasured ? [] : [said],
      gaps: unmeasured ? [said] : [],
      starting: unmeasured || isOfStart(error),
      usage: {},
      ms: undefined,
      isKnown: true,
    }
  }
}

/** Without a name or a way to the host, nothing was learned about the service itself. */
export function isUnmeasured({ kind }: HttpFault): boolean {
  return kind === 'name' || kind === 'unreachable'
}

/** A service that starts does not listen yet, or takes a connection and does not answer; a proxy before it gives it up. */
function isOfStart({ kind }: HttpFault): boolean {
  return kind === 'refused' || kind === 'reset' || kind === 'timeout'
}

/** Bad Gateway and Gateway Timeout of a proxy, Service Unavailable of the service itself (RFC 9110, section 15.6). */
const statusesOfStart = [502, 503, 504]

/** Not Found, Method Not Allowed, Gone and Not Implemented: what a release answers where it has no such path. */
const statusesOfNoPath = [404, 405, 410, 501]

function read({ path, json, judged }: Endpoint, answer: HttpAnswer): Seen {
  const { status, body, timings } = answer
  const ok = status >= 200 && status < 300
  const ms = ok ? timings.total : undefined
  if (judged === 'answer') {
    const isKnown = !statusesOfNoPath.includes(status)
    const failures = ok || !isKnown ? [] : [`GET ${path}: ${showStatus(answer)}`]
    return { failures, gaps: [], starting: ok || statusesOfStart.includes(status), usage: {}, ms, isKnown }
  }
  const isStatus = path === statusPath
  const document = isStatus || Object.keys(json).length > 0 ? parse(body) : undefined
  const report = isStatus ? readStatus(document) : { failures: [], gaps: [], usage: {} }
  const unmet = ok ? unmetJson(document, json) : []
  const failures = [...report.failures, ...unmet].map(failure => `GET ${path}: ${failure}`)
  if (!ok && failures.length === 0) failures.push(`GET ${path}: ${showStatus(answer)}`)
  return {
    failures,
    ...(failures.length > 0 ? { body: excerpt(body) } : {}),
    gaps: ok ? report.gaps : [],
    starting: failures.length === 0 || statusesOfStart.includes(status),
    usage: report.usage,
    ms,
    isKnown: true,
  }
}

function parse(body: string): unknown {
  try {
    return parseExactJson(body)
  } catch {
    return undefined
  }
}
