import { openHttp } from '../integrations/http/http.ts'
import type { Baseline } from '../release/baseline.ts'
import { leastIntervalMs, type Environment } from '../config/environment.ts'
import { busiest } from './probes/instances.ts'
import { freshMs } from './probes/metrics.ts'
import { planGate, type GatePlan } from './plan.ts'
import type { GatePorts } from './ports.ts'
import { probe, type Probed } from './probes/probe.ts'
import { openSampling } from './probes/sampling.ts'
import type { Seen } from './statistics/seen.ts'
import { overIn } from './statistics/threshold.ts'

/** One more than it takes to bound a 95th percentile with 95% confidence. */
const rounds = 60
/** What is not answered by then does not hold a deploy up any longer. */
const graceMs = 1_000
/** Nothing is there to be sampled: a first release. */
const refusedAtFirst = 3

/**
 * Samples the service before a release is applied, so that its gate can tell what the release has changed.
 * @returns undefined when there is nothing to sample: no url, nothing listens, or the runbook wants none
 * @throws InputError when the runbook's gate could not be run, or a query cannot be read
 */
export async function sampleBaseline(
  environment: Environment,
  ports: GatePorts,
): Promise<Baseline | undefined> {
  const { baselineMs } = environment.gate
  if (environment.url === '' || baselineMs === 0) return undefined
  const { clock, signal } = ports
  const plan = planOwnGate(environment)
  const end = new AbortController()
  const either = AbortSignal.any([signal, end.signal])
  const http = openHttp('fresh')
  const sampling = openSampling(plan, ports, freshMs, either)
  const at = new Date(clock.now()).toISOString()
  const probed: (Probed | undefined)[] = []
  const seen: Seen = { rounds: [], readings: [], workload: [] }
  try {
    await sampling.prepare()
    const start = clock.elapsed()
    const intervalMs = Math.max(leastIntervalMs, baselineMs / rounds)
    const round = async (index: number) => {
      const moment = { atMs: clock.elapsed() - start, now: clock.now(), signal: either }
      probed[index] = await probe(http, plan, moment)
      if (index < refusedAtFirst && nothingListens(probed)) end.abort()
    }
    const running: Promise<void>[] = []
    for (let index = 0; index * intervalMs < baselineMs && index < rounds && !either.aborted; index += 1) {
      running.push(round(index).catch(ignoreWhen(either)))
      await clock
        .sleep(Math.max(0, start + (index + 1) * intervalMs - clock.elapsed()), either)
        .catch(() => undefined)
    }
    signal.throwIfAborted()
    await Promise.race([Promise.all(running), clock.sleep(graceMs, either).catch(() => undefined)])
    if (!end.signal.aborted) await sampling.once(seen, baselineMs)
    signal.throwIfAborted()
    const made = probed.filter(each => each !== undefined)
    if (nothingListens(made)) return undefined
    const readings = [...made.flatMap(each => each.readings), ...seen.readings]
    return {
      at,
      ms: made.map(({ round: { slowestMs } }) => (slowestMs === undefined ? null : Math.round(slowestMs))),
      failed: made.filter(({ round: { failures } }) => failures.length > 0).length,
      over: overIn(plan.limits.thresholds, readings),
      instances: busiest(seen.workload),
    }
  } finally {
    end.abort()
    sampling.close()
    http.close()
  }
}

/**
 * The gate as the runbook alone has it, before an input of the gate says more, like the address of Prometheus.
 * @throws InputError as `planGate`
 */
export function planOwnGate(environment: Environment): GatePlan {
  const { gate, monitoring } = environment
  const queries = monitoring.prometheus === '' ? [] : gate.queries
  return planGate({ ...environment, gate: { ...gate, queries } })
}

function nothingListens(probed: (Probed | undefined)[]): boolean {
  const first = probed.filter(each => each !== undefined).slice(0, refusedAtFirst)
  return (
    first.length === refusedAtFirst &&
    first.every(({ round: { failures } }) => failures.every(each => each.endsWith('connection refused'))) &&
    first.every(({ round: { failures } }) => failures.length > 0)
  )
}

function ignoreWhen(signal: AbortSignal): (error: unknown) => void {
  return error => {
    if (!signal.aborted) throw error
  }
}
