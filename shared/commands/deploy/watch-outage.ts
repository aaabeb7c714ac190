import { findOutage, type Outage, type Request } from '../../gate/probes/outage.ts'
import { isUnmeasured } from '../../gate/probes/probe.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { openHttp, type Http } from '../../integrations/http/http.ts'
import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import { placeOf } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import type { Ports } from '../step/ports.ts'

/** Ten requests a second: a gap is known to a tenth of a second, and no service notices the load. */
const intervalMs = 100
/** One that takes longer has failed. With the interval it bounds the requests that are under way at once to 20. */
const timeoutMs = 2_000
/** As the gate's probes follow. */
const hops = 3

/** What the change of releases did to the requests of the service's users. */
export type Measured =
  | { kind: 'measured'; outage: Outage }
  /** Nothing can be said of this change; `why` is empty when there was nothing to measure. */
  | { kind: 'unmeasured'; why: string }

/** A watch that is under way. */
export interface OutageWatch {
  /** Ends the requests. It may be called more than once. */
  end(): Promise<Measured>
}

/**
 * Sends requests to the service's first gate path while a release replaces another, on a new connection each, as a new
 * client would. The watch begins only when the service answers: an outage that was there before is not our step's.
 */
export async function watchOutage(environment: Environment, ports: Ports): Promise<OutageWatch> {
  const { clock, signal } = ports
  const [path = '/'] = environment.gate.paths
  if (environment.url === '') return unmeasured('')
  const url = environment.url + path
  const http = openHttp('fresh')
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const origins = environment.redirectsTo ?? []
  const first = await ask(http, url, origins, signal)
  if (first !== true) {
    http.close()
    return unmeasured(
      `GET ${path} ${first === false ? 'was not answered before' : 'cannot be reached from here'}`,
    )
  }
  const start = clock.elapsed()
  const requests: Request[] = []
  const send = async (sentMs: number) => {
    const answered = await ask(http, url, origins, signal)
    if (answered !== undefined) requests.push({ sentMs, answered })
  }
  const sending = (async () => {
    const underWay: Promise<void>[] = []
    for (let index = 0; !either.aborted; index += 1) {
      underWay.push(send(clock.elapsed() - start))
      await clock
        .sleep(Math.max(0, start + (index + 1) * intervalMs - clock.elapsed()), either)
        .catch(() => undefined)
    }
    await Promise.all(underWay)
  })()
  let measured: Promise<Measured> | undefined
  const conclude = async (): Promise<Measured> => {
    const endMs = clock.elapsed() - start
    ended.abort()
    await sending
    http.close()
    return { kind: 'measured', outage: findOutage(requests, endMs) }
  }
  return { end: () => (measured ??= conclude()) }
}

/** The watch of a change that interrupts no earlier release, or cannot be measured for the reason that is given. */
export function unmeasured(why: string): OutageWatch {
  return { end: () => Promise.resolve({ kind: 'unmeasured', why }) }
}

/** @returns undefined when nothing was learned about the service: no name or way to it, or the watch has ended */
async function ask(
  http: Http,
  url: string,
  origins: readonly string[],
  signal: AbortSignal,
): Promise<boolean | undefined> {
  try {
    return (await http.request({ url, timeoutMs, hops, origins, signal })).status < 500
  } catch (error) {
    if (signal.aborted) return undefined
    if (error instanceof HttpFault) return isUnmeasured(error) ? undefined : false
    throw error
  }
}

/** The outputs of a measured change; empty texts where nothing was measured. */
export function outageOutputs(measured: Measured): { 'longest-gap-ms': string; 'failed-requests': string } {
  if (measured.kind === 'unmeasured') return { 'longest-gap-ms': '', 'failed-requests': '' }
  const { longestGapMs, failed } = measured.outage
  return { 'longest-gap-ms': String(longestGapMs), 'failed-requests': String(failed) }
}

/** What was seen, one line. */
export function outageEvidence(measured: Measured): Evidence[] {
  const subject = 'outage while the release replaced the previous one'
  if (measured.kind === 'unmeasured') {
    return measured.why === '' ? [] : [{ subject, finding: `not measured: ${measured.why}`, tone: 'note' }]
  }
  const { requests, failed, longestGapMs } = measured.outage
  const finding =
    failed === 0
      ? `none: ${requests} requests, all answered`
      : `longest gap ${showDuration(longestGapMs)}: ${failed} of ${requests} requests failed`
  return [{ subject, finding, tone: failed === 0 ? 'good' : 'note' }]
}

/** The failure of a release whose change interrupted the service for longer than the runbook allows; else undefined. */
export function overMaxGap(
  environment: Environment,
  version: string,
  measured: Measured,
): Conclusion | undefined {
  const { maxGapMs } = environment.gate
  if (measured.kind === 'unmeasured' || maxGapMs === undefined) return undefined
  const { longestGapMs, failed } = measured.outage
  if (longestGapMs <= maxGapMs) return undefined
  return {
    status: 'failure',
    reason: 'gap-exceeded',
    summary: `The service did not answer for ${showDuration(longestGapMs)} (${failed} requests) while ${version} replaced the previous release; gate.max-gap allows ${showDuration(maxGapMs)}.`,
    next: `The rollback step of this run restores the previous release. Shorten the start of the service, let the target start it beside the previous one, or raise ${placeOf(environment, 'gate.max-gap')}.`,
  }
}
