import { leastProbes, logEvidence, upperBound, type Count } from './evidence-process.ts'

export const resources = ['memory', 'cpu', 'disk'] as const
export type Resource = (typeof resources)[number]

/** How much of something is in use: a share of 1, and what 1 is. */
export interface Reading {
  share: number
  of: string
}

/** What one round of probes, one request to each path at the same moment, saw. */
export interface Round {
  /** Milliseconds from the gate's start to the round's. */
  atMs: number
  /** Why it is bad, one entry a path; empty when nothing was. */
  failures: string[]
  /** What could not be measured, for a reason that is not the service's; empty when all was. */
  gaps: string[]
  /** The slowest answer in milliseconds; undefined when not every path answered. */
  slowestMs: number | undefined
  readings: Partial<Record<Resource, Reading>>
}

/** Two rates between which the gate decides. */
export interface RateLimits {
  /** A service with this rate of bad rounds, or a lower one, is well: a share of 1 above 0. */
  allowed: number
  /** A pass says that the rate is under this, with 95% confidence. */
  passBelow: number
}

export interface GateLimits {
  errors: RateLimits
  /** Undefined when latency is not judged. */
  latency: (RateLimits & { ms: number }) | undefined
  /** Shares of 1; undefined when no path that is probed tells of resources. */
  resources: Record<Resource, number> | undefined
}

export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One metric's part in the verdict, with what it is founded on. */
export interface Judgement {
  metric: 'errors' | 'latency' | Resource
  verdict: Verdict
  /** One line, with the numbers. */
  finding: string
}

/** The probability that a well service is ever failed for its error rate or latency: shared among the two. */
export const alpha = 0.01
/** The probability that a service as ill as `passBelow` is passed. */
export const beta = 0.05
/** Rounds at the end of the window that have to be good, one after the other: a service that just broke never passes. */
export const goodAtEnd = 3

/**
 * Reduces rounds to judgements, one a metric; the gate's verdict is the worst. A `fail` of errors or latency is certain
 * (to `alpha`) at any moment and may be acted on at once. Everything else holds only when the window is over.
 * @param rounds in the order in which they started
 */
export function judge(rounds: Round[], limits: GateLimits): Judgement[] {
  const { latency } = limits
  const share = latency ? alpha / 2 : alpha
  const judged = [judgeErrors(rounds, limits.errors, share)]
  if (latency) judged.push(judgeLatency(rounds, latency, share))
  const { resources: shares } = limits
  if (shares) judged.push(...resources.map(each => judgeResource(rounds, each, shares[each])))
  return judged
}

/** True as soon as no later round can change that the service is ill. */
export function isDoomed(rounds: Round[], limits: GateLimits): boolean {
  return judge(rounds, { ...limits, resources: undefined }).some(({ verdict }) => verdict === 'fail')
}

export function worst(judgements: Judgement[]): Verdict {
  const has = (verdict: Verdict) => judgements.some(each => each.verdict === verdict)
  return has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass'
}

/** The rounds that a window must have so that it can end in a pass. */
export function leastRounds({ errors, latency }: GateLimits): number {
  return Math.max(goodAtEnd, ...[errors, latency].map(rate => (rate ? leastProbes(rate.passBelow, beta) : 0)))
}

function judgeErrors(rounds: Round[], limits: RateLimits, share: number): Judgement {
  const measured = rounds.filter(({ failures, gaps }) => failures.length > 0 || gaps.length === 0)
  const bad = measured.filter(({ failures }) => failures.length > 0)
  const judgement = judgeRate('errors', 'failed', { bad: bad.length, all: measured.length }, limits, share)
  const last = measured.slice(-goodAtEnd)
  if (judgement.verdict === 'pass' && last.some(({ failures }) => failures.length > 0)) {
    const finding = `${judgement.finding}; but one of the last ${goodAtEnd} failed`
    return { ...judgement, verdict: 'inconclusive', finding }
  }
  return judgement
}

function judgeLatency(rounds: Round[], limits: RateLimits & { ms: number }, share: number): Judgement {
  const times = rounds.map(({ slowestMs }) => slowestMs).filter(ms => ms !== undefined)
  const slow = times.filter(ms => ms > limits.ms)
  const said = `were slower than ${limits.ms} ms`
  return judgeRate('latency', said, { bad: slow.length, all: times.length }, limits, share)
}

function judgeRate(
  metric: 'errors' | 'latency',
  said: string,
  count: Count,
  { allowed, passBelow }: RateLimits,
  share: number,
): Judgement {
  const { bad, all } = count
  if (all === 0) return { metric, verdict: 'inconclusive', finding: 'nothing could be measured' }
  const seen = `${bad} of ${all} probes ${said} (${percent(bad / all)})`
  if (logEvidence(count, allowed) >= Math.log(1 / share)) {
    return { metric, verdict: 'fail', finding: `${seen}: more than the ${percent(allowed)} allowed` }
  }
  const bound = upperBound(count, beta)
  const surely = `surely under ${percent(bound)}`
  if (bound < passBelow) return { metric, verdict: 'pass', finding: `${seen}, ${surely}` }
  const wanted = `${surely} only; a pass needs ${percent(passBelow)}`
  return { metric, verdict: 'inconclusive', finding: `${seen}, ${wanted}` }
}

/**
 * A resource fails when it was over its threshold in every reading of the window's last third: a peak while the service
 * starts is none, and a leak that is still over at the end is one. A whole that may be used up (100%) is never over.
 */
function judgeResource(rounds: Round[], metric: Resource, threshold: number): Judgement {
  const all = rounds.map(({ readings }) => readings[metric]).filter(reading => reading !== undefined)
  const last = all.slice(-Math.max(goodAtEnd, Math.ceil(rounds.length / 3)))
  const now = last.at(-1)
  if (!now || last.length < goodAtEnd) {
    return { metric, verdict: 'inconclusive', finding: `${all.length} readings: too few to judge` }
  }
  const over = threshold >= 1 ? 0 : last.filter(({ share }) => share >= threshold).length
  const seen = `${percent(now.share)} of ${now.of}, at most ${percent(Math.max(...all.map(({ share }) => share)))}`
  if (over === last.length) {
    const finding = `${seen}: over ${percent(threshold)} in all of the last ${last.length} readings`
    return { metric, verdict: 'fail', finding }
  }
  return { metric, verdict: 'pass', finding: `${seen} (threshold ${percent(threshold)})` }
}

/** A share of 1 as people read it: `3.3%`. */
export function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`
}
