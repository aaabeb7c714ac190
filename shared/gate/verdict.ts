import { showDuration } from '../config/values.ts'
import { countOf, refutes } from './statistics/evidence-process.ts'
import { extensionOf } from './statistics/extension.ts'
import { judgeInstances, type InstanceLimit } from './probes/instances.ts'
import { goodAtEnd, worst, type Judgement } from './statistics/judgement.ts'
import {
  beta,
  failedIn,
  judgeErrors,
  judgeLatency,
  lackingErrors,
  lackingLatency,
  leastRoundsOf,
  slowIn,
  type LatencyLimits,
  type RateLimits,
  type Watched,
} from './statistics/rate.ts'
import type { Round, Seen } from './statistics/seen.ts'
import { judgeThreshold, type Threshold } from './statistics/threshold.ts'
import { instancesOf, warmUpOf, type WarmUp, type WarmUpRule } from './warm-up.ts'
import { judgeWorkload, restartsIn } from './probes/workload.ts'

export interface GateLimits {
  errors: RateLimits
  /** Undefined when latency is not judged. */
  latency: LatencyLimits | undefined
  thresholds: Threshold[]
  instances: InstanceLimit[]
  warmUp: WarmUpRule
}

/**
 * The probability that a well service is ever failed for its error rate or latency: divided among the tests that are made
 * of them. Where a release may warm up, each is made twice: from the first round on, for what no warm-up excuses, and from
 * the round at which the warm-up ended.
 */
export const alpha = 0.01

/**
 * Reduces what was seen to judgements, one a metric; the gate's verdict is the worst. A `fail` of errors or latency is
 * certain (to `alpha`) at any moment, and so is one of instances that were restarted: they may be acted on at once.
 * Everything else holds only when the window is over.
 */
export function judge(seen: Seen, limits: GateLimits): Judgement[] {
  const { readings, workload } = seen
  return [
    ...judgeRates(seen, limits),
    ...limits.thresholds.map(each =>
      judgeThreshold(
        each,
        readings.filter(({ signal }) => signal === each.signal),
      ),
    ),
    ...(workload.length > 0 ? [judgeWorkload(workload)] : []),
    ...limits.instances.flatMap(each => judgeInstances(each, workload) ?? []),
  ]
}

function judgeRates(seen: Seen, limits: GateLimits): Judgement[] {
  const { errors, latency } = limits
  const share = shareOf(limits)
  const warmUp = warmUpOfSeen(seen, limits)
  const cause = failedInWarmUp(seen, limits, warmUp)
  if (cause !== undefined) return [cause]
  if (warmUp.kind === 'on') {
    const finding = 'it was not watched for long enough to warm up'
    return [{ metric: 'errors', verdict: 'inconclusive', finding }]
  }
  const counted = countedOf(seen, warmUp.from)
  return [judgeErrors(counted, errors, share), ...(latency ? [judgeLatency(counted, latency, share)] : [])]
}

function countedOf({ rounds, windowRounds = rounds.length }: Seen, from: number): Watched {
  return { rounds: rounds.slice(from), window: Math.max(0, windowRounds - from) }
}

/** All rounds as one window: for what is judged before the warm-up is over. */
function whole(rounds: Round[]): Watched {
  return { rounds, window: rounds.length }
}

/**
 * What fails a release before its warm-up has ended well: answers that no service gives while it starts; or, when its time
 * is over, that it was never well. Both are founded on all rounds from the first on, so that they share one test each.
 */
function failedInWarmUp(seen: Seen, limits: GateLimits, warmUp: WarmUp): Judgement | undefined {
  const { rounds } = seen
  const { errors, latency, warmUp: rule } = limits
  const share = shareOf(limits)
  if (warmUp.kind === 'on') {
    if (rule.excuses === 'any') return undefined
    const trail = failedIn(rounds.map(each => (each.starting ? { ...each, failures: [], gaps: [] } : each)))
    return refutes(trail, errors.allowed, share)
      ? { ...judgeErrors(whole(rounds), errors, share), verdict: 'fail' }
      : undefined
  }
  if (warmUp.by === 'steady' || warmUp.wasWell) return undefined
  const within = `in the ${showDuration(rule.boundMs)} that it may warm up`
  if (refutes(failedIn(rounds), errors.allowed, share)) {
    const { bad, all } = countOf(failedIn(rounds))
    const never = bad === all ? 'it never answered 2xx' : 'it was never well'
    const finding = `${never} ${within}: ${bad} of ${all} probes failed`
    return { metric: 'errors', verdict: 'fail', finding }
  }
  if (latency === undefined || !refutes(slowIn(rounds, latency), latency.allowed, share)) return undefined
  const judged = judgeLatency(whole(rounds), latency, share)
  return { ...judged, finding: `${judged.finding}; it was never faster ${within}` }
}

/** True as soon as nothing that comes later can change that the service is ill. */
export function isDoomed(seen: Seen, limits: GateLimits): boolean {
  const { rounds, workload } = seen
  const { errors, latency } = limits
  if (restartsIn(workload).length > 0) return true
  const warmUp = warmUpOfSeen(seen, limits)
  if (failedInWarmUp(seen, limits, warmUp) !== undefined) return true
  if (warmUp.kind === 'on') return false
  const counted = rounds.slice(warmUp.from)
  const share = shareOf(limits)
  return (
    refutes(failedIn(counted), errors.allowed, share) ||
    (latency !== undefined && refutes(slowIn(counted, latency), latency.allowed, share))
  )
}

/**
 * Index of the first round that is reported: a warm-up in which nothing was bad, or that failed the release, is a part of
 * the window like any other.
 */
export function countedFrom(seen: Seen, limits: GateLimits): number {
  const warmUp = warmUpOfSeen(seen, limits)
  return warmUp.kind === 'on' || warmUp.bad === 0 || failedInWarmUp(seen, limits, warmUp) !== undefined
    ? 0
    : warmUp.from
}

export function warmUpOfSeen({ rounds, workload }: Seen, { warmUp, latency }: GateLimits): WarmUp {
  return warmUpOf(rounds, warmUp, latency, instancesOf(workload))
}

/**
 * The rounds that a gate makes in all, as far as that is decided: its window, from the end of the warm-up on when that was
 * needed, else from the start; and always enough to end in a pass.
 * @param window rounds of the plan
 * @param least rounds that it takes to end in a pass, as `leastRounds`
 * @returns undefined while the release warms up
 */
export function roundsToMake(warmUp: WarmUp, window: number, least: number): number | undefined {
  if (warmUp.kind === 'on') return undefined
  return warmUp.bad > 0 ? warmUp.from + window : Math.max(window, warmUp.from + least)
}

/**
 * The rounds that a window lacks when it is over and its error rate or latency is undecided: so many more, if all of them
 * are good, let it pass. 0 when it is decided, or when no number within its extension would do (see `extensionOf`).
 */
export function roundsLacking(seen: Seen, limits: GateLimits): number {
  const warmUp = warmUpOfSeen(seen, limits)
  const judgements = judge(seen, limits)
  if (warmUp.kind === 'on' || worst(judgements) !== 'inconclusive') return 0
  const { errors, latency } = limits
  const counted = countedOf(seen, warmUp.from)
  const undecided = judgements.filter(
    ({ metric, verdict }) => (metric === 'errors' || metric === 'latency') && verdict === 'inconclusive',
  )
  const lacking = undecided.map(({ metric }) =>
    metric === 'latency' && latency ? lackingLatency(counted, latency) : lackingErrors(counted, errors),
  )
  if (lacking.some(each => each === undefined)) return 0
  const wanted = Math.max(0, ...lacking.filter(each => each !== undefined))
  // Rounds that cannot be measured bring nothing: without this they would be asked for without end.
  return counted.rounds.length + wanted <= mostRounds(counted, limits) ? wanted : 0
}

/** A window and its extension, in rounds. */
function mostRounds({ window }: Watched, { errors, latency }: GateLimits): number {
  const limits = [errors, ...(latency ? [latency] : [])]
  return Math.max(...limits.map(({ passBelow }) => extensionOf(passBelow, window, beta).most))
}

function shareOf({ latency, warmUp }: GateLimits): number {
  return alpha / ((latency ? 2 : 1) * (warmUp.boundMs > 0 ? 2 : 1))
}

/** The rounds that a window must have so that it can end in a pass. */
export function leastRounds({ errors, latency }: Pick<GateLimits, 'errors' | 'latency'>): number {
  return Math.max(goodAtEnd, leastRoundsOf(errors), latency ? leastRoundsOf(latency) : 0)
}
