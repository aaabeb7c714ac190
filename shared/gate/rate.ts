import { burstsIn } from './bursts.ts'
import { countOf, leastProbes, refutes, upperBound } from './evidence-process.ts'
import { percent } from './show.ts'
import { goodAtEnd, type Judgement } from './judgement.ts'
import type { Round } from './seen.ts'

/** Two rates between which the gate decides. */
export interface RateLimits {
  /** A service with this rate of bad rounds, or a lower one, is well: a share of 1 above 0. */
  allowed: number
  /** A pass says that the rate is under this, with 95% confidence. */
  passBelow: number
}

/** Slower than `ms` is bad. */
export interface LatencyLimits extends RateLimits {
  ms: number
  /** Where `ms` is from, for people: `as configured`. */
  from: string
}

/** The probability that a service as ill as `passBelow` is passed. */
export const beta = 0.05

/** The rounds that a window must have so that a rate can pass. */
export function leastRoundsOf({ passBelow }: RateLimits): number {
  return leastProbes(passBelow, beta)
}

/** Of each round that could be measured: did it see something bad? */
export function failedIn(rounds: Round[]): boolean[] {
  const measured = rounds.filter(({ failures, gaps }) => failures.length > 0 || gaps.length === 0)
  return measured.map(({ failures }) => failures.length > 0)
}

/** Of each round that was answered: was it too slow? */
export function slowIn(rounds: Round[], { ms }: LatencyLimits): boolean[] {
  return rounds.flatMap(({ slowestMs }) => (slowestMs === undefined ? [] : [slowestMs > ms]))
}

/** @param alpha the probability that a well service is ever failed for it */
export function judgeErrors(rounds: Round[], limits: RateLimits, alpha: number): Judgement {
  const trail = failedIn(rounds)
  const judgement = judgeRate('errors', 'failed', trail, limits, alpha)
  const flaw = flawAtEnd(rounds, trail)
  if (judgement.verdict !== 'pass' || flaw === undefined) return judgement
  const finding = `${judgement.finding}; but one of the last ${goodAtEnd} ${flaw}`
  return { ...judgement, verdict: 'inconclusive', finding }
}

function flawAtEnd(rounds: Round[], trail: boolean[]): string | undefined {
  if (trail.slice(-goodAtEnd).some(Boolean)) return 'failed'
  return rounds.slice(-goodAtEnd).some(({ gaps }) => gaps.length > 0) ? 'could not be measured' : undefined
}

/** @param alpha the probability that a well service is ever failed for it */
export function judgeLatency(rounds: Round[], limits: LatencyLimits, alpha: number): Judgement {
  const said = `were slower than ${Math.round(limits.ms)} ms (${limits.from})`
  return judgeRate('latency', said, slowIn(rounds, limits), limits, alpha)
}

function judgeRate(
  metric: 'errors' | 'latency',
  said: string,
  trail: boolean[],
  { allowed, passBelow }: RateLimits,
  alpha: number,
): Judgement {
  const count = countOf(trail)
  if (count.all === 0) return { metric, verdict: 'inconclusive', finding: 'nothing could be measured' }
  const seen = `${count.bad} of ${count.all} probes ${said} (${percent(count.bad / count.all)})`
  if (refutes(trail, allowed, alpha)) {
    return { metric, verdict: 'fail', finding: `${seen}: more than the ${percent(allowed)} allowed` }
  }
  const bound = surelyUnder(trail)
  const surely = `surely under ${percent(bound)}`
  if (bound < passBelow) return { metric, verdict: 'pass', finding: `${seen}, ${surely}` }
  const least = leastProbes(passBelow, beta, count.bad)
  const needed =
    least > count.all ? `which takes ${least} probes with so many` : 'and bad ones in a row leave more doubt'
  const wanted = `${surely} only; a pass needs ${percent(passBelow)}, ${needed}`
  return { metric, verdict: 'inconclusive', finding: `${seen}, ${wanted}` }
}

/**
 * The upper bound of a rate. Bad probes that came in bursts are fewer events than they seem, so that less is known: then
 * it is the bound of the rate of bursts, times how long they were.
 */
export function surelyUnder(trail: boolean[]): number {
  const { bad, all } = countOf(trail)
  const bursts = burstsIn(trail)
  const bound = upperBound({ bad, all }, beta)
  if (bursts === bad) return bound
  return Math.min(1, Math.max(bound, upperBound({ bad: bursts, all }, beta) * (bad / bursts)))
}
