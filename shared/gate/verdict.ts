import { refutes } from './evidence-process.ts'
import { judgeInstances, type InstanceLimit } from './instances.ts'
import { goodAtEnd, type Judgement } from './judgement.ts'
import {
  failedIn,
  judgeErrors,
  judgeLatency,
  leastRoundsOf,
  slowIn,
  type LatencyLimits,
  type RateLimits,
} from './rate.ts'
import type { Seen } from './seen.ts'
import { judgeThreshold, type Threshold } from './threshold.ts'
import { judgeWorkload, restartsIn } from './workload.ts'

export interface GateLimits {
  errors: RateLimits
  /** Undefined when latency is not judged. */
  latency: LatencyLimits | undefined
  thresholds: Threshold[]
  instances: InstanceLimit[]
}

/** The probability that a well service is ever failed for its error rate or latency: divided among the two. */
export const alpha = 0.01

/**
 * Reduces what was seen to judgements, one a metric; the gate's verdict is the worst. A `fail` of errors or latency is
 * certain (to `alpha`) at any moment, and so is one of instances that were restarted: they may be acted on at once.
 * Everything else holds only when the window is over.
 */
export function judge({ rounds, readings, workload }: Seen, limits: GateLimits): Judgement[] {
  const { latency, thresholds } = limits
  const share = shareOf(latency)
  return [
    judgeErrors(rounds, limits.errors, share),
    ...(latency ? [judgeLatency(rounds, latency, share)] : []),
    ...thresholds.map(each =>
      judgeThreshold(
        each,
        readings.filter(({ signal }) => signal === each.signal),
      ),
    ),
    ...(workload.length > 0 ? [judgeWorkload(workload)] : []),
    ...limits.instances.flatMap(each => judgeInstances(each, workload) ?? []),
  ]
}

/** True as soon as nothing that comes later can change that the service is ill. */
export function isDoomed({ rounds, workload }: Seen, { errors, latency }: GateLimits): boolean {
  const share = shareOf(latency)
  return (
    refutes(failedIn(rounds), errors.allowed, share) ||
    (latency !== undefined && refutes(slowIn(rounds, latency), latency.allowed, share)) ||
    restartsIn(workload).length > 0
  )
}

function shareOf(latency: LatencyLimits | undefined): number {
  return latency ? alpha / 2 : alpha
}

/** The rounds that a window must have so that it can end in a pass. */
export function leastRounds({ errors, latency }: GateLimits): number {
  return Math.max(goodAtEnd, leastRoundsOf(errors), latency ? leastRoundsOf(latency) : 0)
}
