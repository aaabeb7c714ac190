import { InputError } from '../outcome/errors.ts'
import type { Baseline } from '../release/baseline.ts'
import type { Condition } from '../config/schema/condition.ts'
import { leastIntervalMs, placeOf, type Environment, type GateSpec } from '../config/environment.ts'
import type { JsonExpectation } from '../config/schema/json-expectation.ts'
import { showDuration } from '../config/values.ts'
import { upperQuantile } from './statistics/evidence-process.ts'
import { measuredResources } from './probes/instances.ts'
import { leastRoundsOf, type LatencyLimits } from './statistics/rate.ts'
import { resources, type Resource } from './statistics/seen.ts'
import { percent } from './statistics/show.ts'
import { statusPath } from './probes/status.ts'
import type { Threshold } from './statistics/threshold.ts'
import { leastRounds, type GateLimits } from './verdict.ts'
import { defaultWarmUpMs, type WarmUpRule } from './warm-up.ts'

/** One path that is asked in every round. */
export interface Endpoint {
  /** With a leading slash. */
  path: string
  /** Values that its JSON must have, by dotted path. */
  json: JsonExpectation
  /**
   * What of an answer is judged: `content`, all that is said of it; `answer`, its status alone, and not even that where it
   * says that there is no such path. For a release without a recorded verification.
   */
  judged: 'content' | 'answer'
}

/** All that a gate needs to know before it starts. */
export interface GatePlan {
  url: string
  /** Other origins to which a redirect is followed. */
  redirectsTo: readonly string[]
  endpoints: Endpoint[]
  /** Held against the service's metrics text, in every round. */
  metrics: Condition[]
  /** Asked of Prometheus. */
  queries: Condition[]
  /** Base URL of Prometheus; empty when there are no queries. */
  prometheus: string
  forMs: number
  intervalMs: number
  /** Rounds in the window. */
  rounds: number
  limits: GateLimits
  /** How the service was before the release that is judged; undefined when no sample was taken. */
  baseline: Baseline | undefined
}

/** What is known of a release that was just started, for its gate. */
export interface Started {
  /** How the service was before it; undefined when no sample was taken. */
  baseline?: Baseline | undefined
  /** What earlier releases took to warm up, milliseconds. */
  warmUpsMs: number[]
}

/** What a caller says instead of the runbook. Shares are of 1; undefined, 0 ms, '' and no conditions say nothing. */
export interface GateOverrides {
  forMs?: number | undefined
  /** 0 asks for none. */
  warmUpMs?: number | undefined
  intervalMs?: number | undefined
  memory?: number | undefined
  cpu?: number | undefined
  disk?: number | undefined
  errorRate?: number | undefined
  latencyMs?: number | undefined
  prometheus?: string
  queries?: Condition[]
}

/** A 95th percentile within the limit is what `latency` asks for; a service is failed surely when the share is more. */
const latencyShares = { allowed: 0.05, passBelow: 0.2 }
/** The baseline's own doubt: its 95th percentile is taken for as high as it may be, with 95% confidence. */
const baselineDoubt = 0.05
/**
 * A release is not failed for being slower than the one before when people would not notice: under a tenth of a second
 * an answer seems immediate (Nielsen, Usability Engineering, 1993). A limit that is configured may be lower.
 */
const unnoticedMs = 100
/** Between what is allowed and what a pass excludes: 1% and 5% by default (docs/decisions/0009). */
const undecidable = 0.04

/** The gate of the runbook, with what a caller says instead of it. */
export function gateAsSaid(gate: GateSpec, said: GateOverrides): GateSpec {
  const warmUpMs = said.warmUpMs ?? gate.warmUpMs
  return {
    ...gate,
    forMs: given(said.forMs) ?? gate.forMs,
    intervalMs: given(said.intervalMs) ?? gate.intervalMs,
    ...(warmUpMs === undefined ? {} : { warmUpMs }),
    memory: said.memory ?? gate.memory,
    cpu: said.cpu ?? gate.cpu,
    disk: said.disk ?? gate.disk,
    errorRate: said.errorRate ?? gate.errorRate,
    latencyMs: given(said.latencyMs) ?? gate.latencyMs,
    queries: said.queries && said.queries.length > 0 ? said.queries : gate.queries,
  }
}

/**
 * @param started undefined for a service that has been running: it has nothing to warm up, unless it is said
 * @throws InputError when there is nothing to probe, or the window is too short to end in a pass
 */
export function planGate(environment: Environment, said: GateOverrides = {}, started?: Started): GatePlan {
  const { url, monitoring, name } = environment
  const gate = gateAsSaid(environment.gate, said)
  const baseline = started?.baseline
  if (url === '') {
    throw new InputError(`url is missing: the environment ${name} has none in the runbook`, {
      hint: 'Set url to where the service is reached, like https://api.example.com.',
    })
  }
  const { forMs, intervalMs, queries, errorRate: allowed } = gate
  const at = (key: string, override: unknown) =>
    override === undefined ? placeOf(environment, `gate.${key}`) : key
  if (intervalMs < leastIntervalMs)
    throw InputError.of(
      at('interval', given(said.intervalMs)),
      `${intervalMs}ms`,
      `a duration of ${leastIntervalMs}ms or more`,
    )
  if (!(allowed > 0 && allowed <= 0.5))
    throw InputError.of(
      at('error-rate', said.errorRate),
      percent(allowed),
      'a percentage above 0% and up to 50%',
    )
  const endpoints = endpointsOf(environment)
  const rounds = Math.floor(forMs / intervalMs)
  const plan: GatePlan = {
    url,
    redirectsTo: environment.redirectsTo ?? [],
    endpoints,
    metrics: gate.metrics,
    queries,
    prometheus: queries.length > 0 ? (given(said.prometheus) ?? monitoring.prometheus) : '',
    forMs,
    intervalMs,
    rounds,
    limits: {
      errors: { allowed, passBelow: allowed + undecidable },
      latency: latencyLimits(gate.latencyMs, baseline, rounds),
      thresholds: [
        ...(endpoints.some(({ path }) => path === statusPath)
          ? resources.map(each => shareThreshold(each, gate[each], baseline))
          : []),
        ...gate.metrics.map(each => valueThreshold(metricSignal(each), each, baseline)),
        ...queries.map(each => valueThreshold(querySignal(each), each, baseline)),
      ],
      instances: measuredResources.map(resource => ({
        resource,
        limit: unlessWhole(gate[resource]),
        before: baseline?.instances?.[resource],
      })),
      warmUp: warmUpRule(gate, started),
    },
    baseline,
  }
  refuseDeadThresholds(plan, said)
  refuseUnanswerable(plan)
  refuseHopeless(plan, at('for', given(said.forMs)))
  return plan
}

/**
 * The gate of a release without a recorded verification: the runbook at hand may be of another version. It
 * is held to answering 2xx where it has the path, to its rate of errors, to the limits of its instances, and to how fast
 * it was when it was sampled; not to what the runbook says of contents, metrics and latency.
 * @throws InputError as `planGate`
 */
export function planLiveness(environment: Environment, started: Started): GatePlan {
  const gate = { ...environment.gate, expect: {}, metrics: [], queries: [], latencyMs: 0 }
  const plan = planGate({ ...environment, gate }, {}, started)
  return {
    ...plan,
    endpoints: plan.endpoints.map(each => ({ ...each, judged: 'answer' })),
    limits: { ...plan.limits, thresholds: [] },
  }
}

/** What the runbook says is for every failure; a guess excuses only what a service does while it starts. */
function warmUpRule({ warmUpMs }: GateSpec, started: Started | undefined): WarmUpRule {
  if (warmUpMs !== undefined) return { boundMs: warmUpMs, excuses: 'any' }
  return { boundMs: started ? defaultWarmUpMs(started.warmUpsMs) : 0, excuses: 'starting' }
}

export function metricSignal({ name }: Condition): string {
  return `metric ${name}`
}

export function querySignal({ name }: Condition): string {
  return `query ${name}`
}

/** The paths of the runbook; one that something is expected of is probed too. */
function endpointsOf({ gate }: Environment): Endpoint[] {
  const paths = new Set([...gate.paths, ...Object.keys(gate.expect)])
  return [...paths].map(path => ({ path, json: gate.expect[path] ?? {}, judged: 'content' }))
}

function given<T extends number | string>(value: T | undefined): T | undefined {
  return value === 0 || value === '' ? undefined : value
}

/** A latency limit that was not asked for is not judged in a window that is too short for it. */
function latencyLimits(
  configuredMs: number,
  baseline: Baseline | undefined,
  rounds: number,
): LatencyLimits | undefined {
  if (configuredMs > 0) return { ...latencyShares, ms: configuredMs, from: 'as configured' }
  const times = baseline?.ms.filter(ms => ms !== null) ?? []
  const bound = upperQuantile(times, 0.95, baselineDoubt)
  if (bound === undefined || rounds < leastRoundsOf(latencyShares)) return undefined
  const from =
    bound < unnoticedMs
      ? `before the deploy 95% took at most ${bound} ms`
      : 'what 95% took at most before the deploy'
  return { ...latencyShares, ms: Math.max(bound, unnoticedMs), from }
}

function shareThreshold(signal: Resource, share: number, baseline: Baseline | undefined): Threshold {
  return { signal, operator: '<', limit: unlessWhole(share), unit: 'share', before: baseline?.over[signal] }
}

/** A whole that may be used up (100%) is never over. */
function unlessWhole(share: number): number {
  return share >= 1 ? Infinity : share
}

function valueThreshold(
  signal: string,
  { operator, limit }: Condition,
  baseline: Baseline | undefined,
): Threshold {
  return { signal, operator, limit, unit: 'number', before: baseline?.over[signal] }
}

function refuseDeadThresholds({ endpoints }: GatePlan, { memory, cpu, disk }: GateOverrides): void {
  const [name] = Object.entries({ memory, cpu, disk }).find(([, share]) => share !== undefined) ?? []
  if (name === undefined || endpoints.some(({ path }) => path === statusPath)) return
  throw new InputError(`${name} cannot be judged: gate.paths of the runbook has no ${statusPath}`, {
    hint: `Add ${statusPath} to gate.paths, or leave ${name} out.`,
  })
}

function refuseUnanswerable({ queries, prometheus }: GatePlan): void {
  if (queries.length === 0 || prometheus !== '') return
  throw new InputError('prometheus-url is missing: there are queries, and no Prometheus to ask', {
    hint: 'Set prometheus-url, or monitoring.prometheus in the runbook, to the base URL of Prometheus.',
  })
}

/** A window that could not pass with all probes good would only waste the time of the run that waits for it. */
function refuseHopeless({ forMs, intervalMs, rounds, limits }: GatePlan, where: string): void {
  const least = leastRounds(limits)
  if (rounds >= least) return
  const [longer, denser] = [showDuration(least * intervalMs), Math.floor(forMs / least)]
  throw new InputError(
    `${where}: ${showDuration(forMs)} at an interval of ${showDuration(intervalMs)} is ${rounds} probes, ` +
      `and a pass takes ${least} to show a rate under ${percent(limits.errors.passBelow)}`,
    {
      hint:
        denser >= leastIntervalMs
          ? `Set for to ${longer} at least, or interval to ${denser}ms at most.`
          : `Set for to ${longer} at least.`,
    },
  )
}
