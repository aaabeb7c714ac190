import type { Evidence } from '../outcome/outcome.ts'
import type { HttpTimings } from '../platform/http.ts'
import type { LoadPlan, LoadResult } from './load.ts'
import type { RequestResult } from './run-suite.ts'

/** One line of evidence for a request; what took the time belongs to it. */
export function describeRequest({ title, where, unmet, status, timings }: RequestResult): Evidence {
  const detail = [...unmet.slice(1), ...(timings ? [phases(timings)] : [])].join('\n')
  const [first] = unmet
  return {
    subject: title,
    finding:
      first === undefined
        ? `${String(status)} in ${ms(timings?.total ?? NaN)}`
        : `${first}${unmet.length > 1 ? `, and ${unmet.length - 1} more` : ''} (${where})`,
    tone: first === undefined ? 'good' : 'bad',
    ...(detail === '' ? {} : { detail }),
  }
}

/** The load: its verdict first, then each kind of failure. */
export function describeLoad(plan: LoadPlan, load: LoadResult, maxP95Ms: number | undefined): Evidence[] {
  const { sent, failed, rps, percentiles, stopped } = load
  const { p50, p95, p99, max } = percentiles
  const rate = failed / sent
  const faults: string[] = []
  if (rate > plan.maxErrorRate || stopped)
    faults.push(`${failed} failed, more than the ${percent(plan.maxErrorRate)} of ${plan.requests} allowed`)
  if (maxP95Ms !== undefined && !(p95 <= maxP95Ms))
    faults.push(`p95 ${ms(p95)}, at most ${ms(maxP95Ms)} allowed`)
  const numbers = `${sent} requests, ${plan.concurrency} at a time: ${rps.toFixed(0)}/s, p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, max ${ms(max)}`
  const end = stopped ? `; stopped after ${sent} of ${plan.requests}` : ''
  const kinds = [...load.failures].map(([kind, times]): Evidence => ({
    subject: 'load',
    finding: `${kind} (${times} times)`,
    tone: 'bad',
  }))
  return [
    {
      subject: 'load',
      finding: `${numbers}; ${faults.length > 0 ? faults.join('; ') : `${failed} failed`}${end}`,
      tone: faults.length > 0 ? 'bad' : 'good',
    },
    ...kinds,
  ]
}

/** The phases that the guide's curl format shows. */
function phases({ dns, connect, tls, firstByte, total }: HttpTimings): string {
  return `name ${ms(dns)}, connection ${ms(connect)}, TLS ${ms(tls)}, first byte ${ms(firstByte)}, total ${ms(total)}`
}

function ms(value: number): string {
  return Number.isNaN(value) ? 'no answer' : `${value.toFixed(1)} ms`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))}%`
}
