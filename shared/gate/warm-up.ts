import type { LatencyLimits } from './statistics/rate.ts'
import type { Round, Snapshot } from './statistics/seen.ts'

/** How a release that was just started may begin. */
export interface WarmUpRule {
  /** Milliseconds from the gate's start after which everything counts; 0: everything counts from the start. */
  boundMs: number
  /** Until then: `starting` excuses slow answers, and what a service answers while it starts; `any` excuses every failure. */
  excuses: 'starting' | 'any'
}

/** How a release has begun, as far as its rounds tell. */
export type WarmUp =
  | { kind: 'on' }
  | {
      kind: 'over'
      /** `steady`: enough rounds in a row were well; `bound`: its time is over. */
      by: 'steady' | 'bound'
      /** Index of the first round that counts. */
      from: number
      /** When it was steady, milliseconds from the gate's start; with `bound`, when its time was over. */
      atMs: number
      /** Rounds before `from` that were not well. */
      bad: number
      /** A round before `from` was well. */
      wasWell: boolean
    }

/**
 * Rounds in a row that have to be well, for each instance: behind one address each round meets one of them by chance. Of
 * `n` instances one that is still cold is missed in that many rounds with probability (1 - 1/n)^(5n), which is under 0.7%.
 */
const steadyRounds = 5

/**
 * The default: twice what the slowest of the earlier releases took, within these bounds. They do not follow from the gate's
 * window: what a short window is to be spared is its own probes, and not the time until the network has found a release.
 */
const [leastDefaultMs, mostDefaultMs] = [20_000, 120_000]

/**
 * How long a release may warm up when the runbook does not say.
 * @param seenMs what earlier releases took, milliseconds
 */
export function defaultWarmUpMs(seenMs: number[]): number {
  return Math.min(mostDefaultMs, Math.max(leastDefaultMs, 2 * Math.max(0, ...seenMs)))
}

/**
 * The warm-up ends with the first run of rounds that are all well, or when its time is over. Either is a stopping time: it
 * is decided by the rounds before it alone, so that a test that begins there is as sound as one that begins at the first
 * round (an e-process that is started anew at a stopping time is one again; Ramdas et al., Game-theoretic statistics and
 * safe anytime-valid inference, 2023). The rounds of the run itself do not count: they were chosen for being well.
 * @param rounds in the order of time
 */
export function warmUpOf(
  rounds: Round[],
  { boundMs }: WarmUpRule,
  latency: LatencyLimits | undefined,
  instances: number,
): WarmUp {
  if (boundMs === 0) return { kind: 'over', by: 'steady', from: 0, atMs: 0, bad: 0, wasWell: true }
  const wanted = steadyRounds * Math.max(1, instances)
  let run = 0
  let well = 0
  for (const [index, round] of rounds.entries()) {
    const bad = index - well
    if (round.atMs >= boundMs)
      return { kind: 'over', by: 'bound', from: index, atMs: boundMs, bad, wasWell: well > 0 }
    const isGood = isWell(round, latency)
    run = isGood ? run + 1 : 0
    well += isGood ? 1 : 0
    if (run < wanted) continue
    const atMs = rounds[index - wanted + 1]?.atMs ?? 0
    return { kind: 'over', by: 'steady', from: index + 1, atMs: bad === 0 ? 0 : atMs, bad, wasWell: true }
  }
  return { kind: 'on' }
}

/** The instances that answer, by the first look at them; 1 when they could not be read. */
export function instancesOf(workload: Snapshot[]): number {
  const first = workload.find(each => 'instances' in each)
  return first?.instances.length ?? 1
}

function isWell({ failures, gaps, slowestMs }: Round, latency: LatencyLimits | undefined): boolean {
  if (failures.length > 0 || gaps.length > 0) return false
  return latency === undefined || (slowestMs !== undefined && slowestMs <= latency.ms)
}
