import type { Http, HttpAnswer } from '../platform/http.ts'
import { HttpFault } from '../platform/http-fault.ts'
import { readStatus, statusPath } from './status.ts'
import type { Round } from './verdict.ts'

/** A probe that takes longer has failed: twice what people wait for a page before they leave. */
const probeTimeoutMs = 5_000
/** As load balancers and `http` to `https` need. */
const hops = 3

/** Asks every path once, all at the same moment. */
export async function probe(
  http: Http,
  url: string,
  paths: string[],
  atMs: number,
  signal: AbortSignal,
): Promise<Round> {
  const seen = await Promise.all(paths.map(path => ask(http, url, path, signal)))
  const times = seen.map(({ ms }) => ms).filter(ms => ms !== undefined)
  return {
    atMs,
    failures: seen.flatMap(({ failures }) => failures),
    gaps: seen.flatMap(({ gaps }) => gaps),
    slowestMs: times.length === paths.length ? Math.max(...times) : undefined,
    readings: Object.assign({}, ...seen.map(({ readings }) => readings)) as Round['readings'],
  }
}

interface Seen extends Pick<Round, 'failures' | 'gaps' | 'readings'> {
  ms: number | undefined
}

async function ask(http: Http, url: string, path: string, signal: AbortSignal): Promise<Seen> {
  try {
    const answer = await http.request({ url: url + path, timeoutMs: probeTimeoutMs, hops, signal })
    return read(path, answer)
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    const said = `GET ${path}: ${error.finding}`
    // Without a name or a way to the host, nothing was learned about the service itself.
    const unmeasured = error.kind === 'name' || error.kind === 'unreachable'
    return { failures: unmeasured ? [] : [said], gaps: unmeasured ? [said] : [], readings: {}, ms: undefined }
  }
}

function read(path: string, { status, body, timings }: HttpAnswer): Seen {
  const ok = status >= 200 && status < 300
  const report = path === statusPath ? readStatus(body) : { failures: [], gaps: [], readings: {} }
  const failures = report.failures.map(failure => `GET ${path}: ${failure}`)
  if (!ok && failures.length === 0) failures.push(`GET ${path}: ${status}`)
  return {
    failures,
    gaps: ok ? report.gaps : [],
    readings: report.readings,
    ms: ok ? timings.total : undefined,
  }
}
