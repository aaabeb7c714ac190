import type { Evidence } from '../outcome/outcome.ts'
import type { HttpTimings } from '../integrations/http/http-timings.ts'
import type { LoadPlan, LoadResult, Percentiles } from './load.ts'
import type { RequestResult } from './run-suite.ts'
import { builtIn } from './suite.ts'

const ownSuite = 'Does the service have other paths? Set smoke.suite.'

/** One line of evidence for a request; what took the time belongs to it. */
export function describeRequest(result: RequestResult): Evidence {
  const { title, where, verdict, unmet, status, timings, tries, body } = result
  const detail = [
    ...unmet.slice(1),
    ...(timings ? [describePhases(timings)] : []),
    ...(body === undefined ? [] : [`body: ${body}`]),
  ].join('\n')
  const [first = ''] = unmet
  const retried = tries > 1 ? `, at try ${tries}: ${result.retriedBecause}` : ''
  const more = unmet.length > 1 ? `, and ${unmet.length - 1} more` : ''
  return {
    subject: title,
    finding:
      verdict === 'met'
        ? `${String(status)} in ${ms(timings?.total ?? NaN)}${retried}`
        : `${first}${more} (${where})${tries > 1 ? `, after ${tries} tries` : ''}`,
    tone: verdict === 'met' ? 'good' : 'bad',
    ...(status === 404 && where === builtIn ? { next: ownSuite } : {}),
    ...(detail === '' ? {} : { detail }),
  }
}

/**
 * The load: its verdict first, with the whole distribution, then each kind of failure.
 * @param maxP95Ms 0 when latency is not judged
 */
export function describeLoad(plan: LoadPlan, load: LoadResult, maxP95Ms: number): Evidence[] {
  const { sent, failed, rps, percentiles, stopped } = load
  const { p50, p95, p99, max } = percentiles
  const faults: string[] = []
  if (stopped === 'rise') faults.push(`failures rose: ${failed} of ${sent}, ${allowed(plan)} allowed`)
  else if (stopped === 'exceeded') faults.push(`${failed} failed, more than the ${allowed(plan)} allowed`)
  if (maxP95Ms > 0 && !(p95 <= maxP95Ms)) faults.push(`p95 ${ms(p95)}, at most ${ms(maxP95Ms)} allowed`)
  const numbers = `${sent} requests, ${plan.concurrency} at a time: ${rps.toFixed(0)}/s, p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, max ${ms(max)}`
  const end = stopped ? `; stopped after ${sent} of ${plan.requests}` : ''
  const kinds = [...load.failures].map(([kind, times]): Evidence => ({
    subject: 'load',
    finding: `${kind} (${times} times)${kind === '429' ? ': the service limits its callers, lower max-rate' : ''}`,
    tone: 'bad',
  }))
  return [
    {
      subject: 'load',
      finding: `${numbers}; ${faults.length > 0 ? faults.join('; ') : `${failed} failed`}${end}`,
      tone: faults.length > 0 ? 'bad' : 'good',
      detail: distribution(plan, load),
    },
    ...kinds.map(each => (faults.length > 0 ? each : { ...each, tone: 'note' as const })),
  ]
}

/** Both ways to see it: what callers who do not wait for each other would meet, and what was met. */
function distribution({ concurrency, maxRate }: LoadPlan, load: LoadResult): string {
  const shares: [string, keyof Percentiles][] = [
    ['50%', 'p50'],
    ['90%', 'p90'],
    ['95%', 'p95'],
    ['99%', 'p99'],
    ['99.9%', 'p999'],
    ['100%', 'max'],
  ]
  const row = (share: string, corrected: string, asMet: string) =>
    `${share.padEnd(6)}${corrected.padStart(14)}${asMet.padStart(14)}`
  return [
    row('within', 'corrected', 'as met'),
    ...shares.map(([share, key]) => row(share, ms(load.percentiles[key]), ms(load.uncorrected[key]))),
    'corrected: also counts the waits of requests that a late answer kept from being sent (coordinated omission)',
    `connections: ${load.connections} made, ${concurrency} at a time; at most ${maxRate} requests a second`,
  ].join('\n')
}

/** The phases that the guide's curl format shows. */
export function describePhases({ dns, connect, tls, firstByte, total }: HttpTimings): string {
  return `name ${ms(dns)}, connection ${ms(connect)}, TLS ${ms(tls)}, first byte ${ms(firstByte)}, total ${ms(total)}`
}

function ms(value: number): string {
  return Number.isNaN(value) ? 'no answer' : `${value.toFixed(1)} ms`
}

function allowed({ maxErrorRate, requests }: LoadPlan): string {
  return `${Number((100 * maxErrorRate).toFixed(2))}% of ${requests}`
}
