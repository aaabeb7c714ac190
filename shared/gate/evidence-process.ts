import { logBeta, logUpperTail, lowerTail } from './beta.ts'

/** How often something bad happened, of how many times it could have. */
export interface Count {
  bad: number
  all: number
}

/**
 * Prior Beta(1, 9) on the rate of a sick service: most of its weight lies between 1% and 30%, where releases that are
 * bad, and not simply down, are found. DESIGN section 5 (Gate) has what it costs against a test that knows the rate.
 */
const prior = { a: 1, b: 9 }

/**
 * Evidence against "the rate is `allowed` or less", as the logarithm of an e-value: a mixture of likelihood ratios
 * over a beta prior truncated above `allowed`. Each ratio, and so the mixture, is a supermartingale for any rate up to
 * `allowed`; by Ville's inequality it ever reaches 1/alpha with probability alpha at most, however often one looks
 * (Ramdas et al., Game-theoretic statistics and safe anytime-valid inference, 2023).
 */
export function logEvidence({ bad, all }: Count, allowed: number): number {
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

/** How many probes it takes, all of them good, until the upper bound of their rate is under `below`. */
export function leastProbes(below: number, doubt: number): number {
  return Math.ceil(Math.log(doubt) / Math.log1p(-below))
}
