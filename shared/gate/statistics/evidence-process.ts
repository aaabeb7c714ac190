import { logBeta, logUpperTail, lowerTail } from './beta.ts'
import { logBurstEvidence } from './bursts.ts'

/** How often something bad happened, of how many times it could have. */
export interface Count {
  bad: number
  all: number
}

/**
 * Prior Beta(2, 8.8) on the rate of a sick service: most of its weight lies between 3% and 45%, where releases that are
 * bad, and not simply down, are found. It was chosen by simulation: of the priors that were tried it has the smallest
 * largest cost against Wald's test that knows the rate, at 5, 10 and 30% (`script/bench gate` measures what it is).
 */
const prior = { a: 2, b: 8.8 }

/**
 * True when a trail refutes "the rate is `allowed` or less". Of a service for which that is so, it is ever true with
 * probability `alpha` at most, however often one looks (Ville's inequality): when probes fail independently, and also
 * when they fail in bursts as `logBurstEvidence` has them, since both have to be refuted.
 * @param trail of each probe in the order of time: was it bad?
 */
export function refutes(trail: readonly boolean[], allowed: number, alpha: number): boolean {
  const wanted = Math.log(1 / alpha)
  return logCountEvidence(countOf(trail), allowed) >= wanted && logBurstEvidence(trail, allowed) >= wanted
}

export function countOf(trail: readonly boolean[]): Count {
  let bad = 0
  for (const isBad of trail) bad += isBad ? 1 : 0
  return { bad, all: trail.length }
}

/**
 * Evidence against "probes fail independently, at the rate `allowed` or a lower one", as the logarithm of an e-value: a
 * mixture of likelihood ratios over a beta prior truncated above `allowed`. Each ratio, and so the mixture, is a
 * supermartingale for any rate up to `allowed` (Ramdas et al., Game-theoretic statistics and safe anytime-valid
 * inference, 2023).
 */
export function logCountEvidence({ bad, all }: Count, allowed: number): number {
  const good = all - bad
  const a = prior.a + bad
  const b = prior.b + good
  const mixture =
    logBeta(a, b) +
    logUpperTail(allowed, a, b) -
    logBeta(prior.a, prior.b) -
    logUpperTail(allowed, prior.a, prior.b)
  return mixture - bad * Math.log(allowed) - good * Math.log1p(-allowed)
}

/**
 * The exact (Clopper-Pearson) upper confidence bound of a rate.
 * @param doubt the probability that the true rate lies above, 0.05 for a 95% bound
 */
export function upperBound({ bad, all }: Count, doubt: number): number {
  if (bad >= all) return 1
  let [low, high] = [bad / all, 1]
  while (high - low > 1e-9) {
    const middle = (low + high) / 2
    // The chance to see so few bad ones if the rate were `middle`.
    if (lowerTail(1 - middle, all - bad, bad + 1) > doubt) low = middle
    else high = middle
  }
  return high
}

/** How many probes it takes, so many of them bad, until the upper bound of their rate is under `below`. */
export function leastProbes(below: number, doubt: number, bad = 0): number {
  const isEnough = (all: number) => upperBound({ bad, all }, doubt) < below
  let [few, enough] = [bad, Math.ceil(Math.log(doubt) / Math.log1p(-below)) + bad]
  while (!isEnough(enough)) [few, enough] = [enough, 2 * enough]
  while (enough - few > 1) {
    const middle = Math.floor((few + enough) / 2)
    if (isEnough(middle)) enough = middle
    else few = middle
  }
  return enough
}

/**
 * The upper confidence bound of a quantile, by order statistics: no distribution is assumed.
 * @param share 0.95 for the 95th percentile
 * @returns undefined when there are too few values to bound it at all: 59 for a 95% bound of a 95th percentile
 */
export function upperQuantile(values: readonly number[], share: number, doubt: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  const all = sorted.length
  // The chance that the quantile lies above the one with this rank: that as many, or more, of all values lie under it.
  const rank = sorted.findIndex((_, index) => lowerTail(share, index + 1, all - index) <= doubt)
  return rank < 0 ? undefined : sorted[rank]
}
