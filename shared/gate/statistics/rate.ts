import { burstsIn } from './bursts.ts'
import { countOf, leastProbes, refutes, upperBound } from './evidence-process.ts'
import { extensionOf } from './extension.ts'
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

/** What a rate is judged by. */
export interface Watched {
  rounds: Round[]
  /** How many of them are the window; those that follow were added because it was undecided. */
  window: number
}

/** @param alpha the probability that a well service is ever failed for it */
export function judgeErrors({ rounds, window }: Watched, limits: RateLimits, alpha: number): Judgement {
  const trail = failedIn(rounds)
  const inWindow = failedIn(rounds.slice(0, window)).length
  const judgement = judgeRate('errors', 'failed', { trail, inWindow }, limits, alpha)
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
export function judgeLatency({ rounds, window }: Watched, limits: LatencyLimits, alpha: number): Judgement {
  const said = `were slower than ${Math.round(limits.ms)} ms (${limits.from})`
  const inWindow = slowIn(rounds.slice(0, window), limits).length
  return judgeRate('latency', said, { trail: slowIn(rounds, limits), inWindow }, limits, alpha)
}

/** Of each probe: was it bad? And how many of them are the window's. */
interface Trail {
  trail: boolean[]
  inWindow: number
}

/**
 * How many probes are lacking until the errors pass, if all of them are good.
 * @returns undefined when no number within the extension of the window would do, or nothing is lacking
 */
export function lackingErrors({ rounds, window }: Watched, limits: RateLimits): number | undefined {
  const trail = failedIn(rounds)
  const goodInARow = trail.length - 1 - trail.lastIndexOf(true)
  const inWindow = failedIn(rounds.slice(0, window)).length
  return lacking({ trail, inWindow }, limits, Math.max(0, goodAtEnd - goodInARow))
}

/** The same of the latency. */
export function lackingLatency({ rounds, window }: Watched, limits: LatencyLimits): number | undefined {
  const inWindow = slowIn(rounds.slice(0, window), limits).length
  return lacking({ trail: slowIn(rounds, limits), inWindow }, limits, 0)
}

/** @param least what is lacking for another reason */
function lacking({ trail, inWindow }: Trail, { passBelow }: RateLimits, least: number): number | undefined {
  const { most, doubt } = extensionOf(passBelow, inWindow, beta)
  const passed = passBound({ trail, inWindow }, passBelow) !== undefined
  for (let more = Math.max(1, least); trail.length + more <= most; more += 1) {
    if (passed || boundOf(trail, more, doubt) < passBelow) return more
  }
  return undefined
}

/** The upper bound of the rate with which it passes, at the window's end or since; undefined when it does not. */
function passBound({ trail, inWindow }: Trail, passBelow: number): number | undefined {
  const atEnd = surelyUnder(trail.slice(0, inWindow))
  if (atEnd < passBelow) return atEnd
  if (trail.length === inWindow) return undefined
  const since = surelyUnder(trail, extensionOf(passBelow, inWindow, beta).doubt)
  return since < passBelow ? since : undefined
}

function judgeRate(
  metric: 'errors' | 'latency',
  said: string,
  { trail, inWindow }: Trail,
  { allowed, passBelow }: RateLimits,
  alpha: number,
): Judgement {
  const count = countOf(trail)
  if (count.all === 0) return { metric, verdict: 'inconclusive', finding: 'nothing could be measured' }
  const seen = `${count.bad} of ${count.all} probes ${said} (${percent(count.bad / count.all)})`
  if (refutes(trail, allowed, alpha)) {
    return { metric, verdict: 'fail', finding: `${seen}: more than the ${percent(allowed)} allowed` }
  }
  const passed = passBound({ trail, inWindow }, passBelow)
  if (passed !== undefined)
    return { metric, verdict: 'pass', finding: `${seen}, surely under ${percent(passed)}` }
  const surely = `surely under ${percent(surelyUnder(trail))}`
  const least = leastProbes(passBelow, beta, count.bad)
  const needed =
    least > count.all
      ? `which takes ${least} probes with so many`
      : trail.length > inWindow
        ? 'and to go on after an undecided window takes more'
        : 'and bad ones in a row leave more doubt'
  const wanted = `${surely} only; a pass needs ${percent(passBelow)}, ${needed}`
  return { metric, verdict: 'inconclusive', finding: `${seen}, ${wanted}` }
}

/**
 * The upper bound of a rate. Bad probes that came in bursts are fewer events than they seem, so that less is known: then
 * it is the bound of the rate of bursts, times how long they were.
 */
export function surelyUnder(trail: boolean[], doubt = beta): number {
  return boundOf(trail, 0, doubt)
}

/** @param more good probes that come after the trail */
function boundOf(trail: boolean[], more: number, doubt: number): number {
  const { bad, all: probes } = countOf(trail)
  const all = probes + more
  const bursts = burstsIn(trail)
  const bound = upperBound({ bad, all }, doubt)
  if (bursts === bad) return bound
  return Math.min(1, Math.max(bound, upperBound({ bad: bursts, all }, doubt) * (bad / bursts)))
}
