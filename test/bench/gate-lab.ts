import { refutes } from '../../shared/gate/statistics/evidence-process.ts'
import type { GatePlan } from '../../shared/gate/plan.ts'
import type { GatePorts } from '../../shared/gate/ports.ts'
import { watch, type GateResult } from '../../shared/gate/run.ts'
import { systemClock as clock } from '../../shared/host/clock.ts'
import { startReferenceService } from '../e2e/gate/reference-service.ts'
import { independent, inBursts, probesToFail, seeded, wald } from '../unit/gate/probes.ts'
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts'
import type { Measurement } from './measurement.ts'
import { silent } from '../log.ts'

const [allowed, alpha] = [0.01, 0.01]
const intervalMs = 25
/** Gates that watch at once, each through its own faults. */
const lanes = 8
const wellGates = 300
/** Rates at which services are ill, and how many gates judge each: the sooner one ends, the more of them it takes. */
const ill = [
  { rate: 0.05, count: 100 },
  { rate: 0.1, count: 200 },
  { rate: 0.3, count: 600 },
]
/** Probes of a gate on a well service. */
const window = 60
const mostTimes = 1.25

const isIll = (trail: boolean[]) => refutes(trail, allowed, alpha)

/** The very gate, on the reference service with PostgreSQL and Redis behind it, through a proxy that fails some requests. */
export async function gateOnLab(): Promise<Measurement[]> {
  const service = await startReferenceService('bench_gate')
  const proxy = await startFaultProxy(service.url)
  try {
    const measured = [
      await alarms(proxy, 'independent', seed => independent(seeded(seed), allowed)),
      await alarms(proxy, 'bursts of 4', seed => inBursts(seeded(seed), allowed, 4)),
    ]
    for (const { rate, count } of ill) measured.push(await probesToFailAt(proxy, rate, count))
    return measured
  } finally {
    await proxy.close()
    await service.stop()
  }
}

async function alarms(
  proxy: FaultProxy,
  name: string,
  faults: (seed: number) => Generator<boolean>,
): Promise<Measurement> {
  const results = await gates(wellGates, seed => through(proxy, faults(seed), window))
  const simulated = results.filter(
    (_, seed) => probesToFail(faults(seed), window, isIll) !== undefined,
  ).length
  const count = (verdict: GateResult['verdict']) => results.filter(each => each.verdict === verdict).length
  const value = Math.round((count('fail') / wellGates) * 1_000) / 10
  return {
    name: `gate on the lab: false alarms, ${name}`,
    value,
    unit: `% of ${wellGates} gates`,
    versus: 'alpha',
    aim: `at most ${100 * alpha}%`,
    met: value <= 100 * alpha,
    at: new Date().toISOString(),
    note: `${window} probes each, 1% of them failed by a proxy; ${count('fail')} failed (simulated on the same faults: ${simulated}), ${count('pass')} passed, ${count('inconclusive')} were left undecided`,
  }
}

async function probesToFailAt(proxy: FaultProxy, rate: number, count: number): Promise<Measurement> {
  const results = await gates(count, seed => through(proxy, independent(seeded(seed), rate), 2_000))
  const ours =
    results.reduce((sum, { verdict, probes }) => sum + (verdict === 'fail' ? probes : NaN), 0) / count
  let walds = 0
  for (let seed = 0; seed < count; seed += 1)
    walds += probesToFail(independent(seeded(seed), rate), 2_000, wald(rate, allowed, alpha)) ?? NaN
  walds /= count
  return {
    name: `gate on the lab: probes to fail at ${100 * rate}% errors`,
    value: Math.round((ours / walds) * 1_000) / 1_000,
    unit: "times Wald's",
    versus: `ours ${ours.toFixed(1)}, Wald's test that knows the rate ${walds.toFixed(1)}`,
    aim: `at most ${mostTimes} times`,
    met: ours / walds <= mostTimes,
    at: new Date().toISOString(),
    note: `mean of ${count} gates; Wald's on the same faults`,
  }
}

async function gates(count: number, run: (seed: number) => Promise<GateResult>): Promise<GateResult[]> {
  const results = Array<GateResult | undefined>(count)
  const seeds = Array.from({ length: count }, (_, seed) => seed)
  const lane = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) results[seed] = await run(seed)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return results.filter(each => each !== undefined)
}

function through(proxy: FaultProxy, faults: Generator<boolean>, rounds: number): Promise<GateResult> {
  const plan: GatePlan = {
    url: proxy.open(faults),
    redirectsTo: [],
    endpoints: [{ path: '/api/v1/status', json: {}, judged: 'content' }],
    metrics: [],
    queries: [],
    prometheus: '',
    forMs: rounds * intervalMs,
    intervalMs,
    rounds,
    limits: {
      errors: { allowed, passBelow: 0.05 },
      latency: undefined,
      thresholds: [],
      instances: [],
      warmUp: { boundMs: 0, excuses: 'starting' },
    },
    baseline: undefined,
  }
  return watch(plan, ports)
}

const ports: GatePorts = { clock, log: silent, signal: new AbortController().signal, env: {} }
