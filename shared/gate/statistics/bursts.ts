import { logBeta } from './beta.ts'

/**
 * Probes do not fail independently: while a node drains, a connection pool is renewed or an address moves, several fail in
 * a row, and a test that takes each for news of its own fails one well release in ten. So a second null stands beside that
 * of independent probes: failures that come in bursts, at no higher a rate, each of three or four probes on average.
 *
 * It is a Markov chain: after a bad probe the next one is bad with probability `staysBad`; after a good one as seldom as
 * makes the rate of bad ones `allowed` in the long run. It was chosen by simulation, so that false alarms stay under alpha
 * for bursts of any length from one to five on average (`script/bench gate` measures them, and those of longer ones).
 */
const staysBad = 0.7

/** Prior on the rate of a service that is sick independently of bursts, as this null is tested against it. */
const prior = { a: 1.5, b: 4 }

/**
 * The other alternative: at some moment the service goes down, and stays so. It was down from the first probe in a fifth
 * of those cases, and breaks at each later probe with one in a hundred.
 */
const down = { weight: 0.15, atFirst: 0.2, later: 0.01, bad: 0.97 }

/**
 * Evidence against "it fails in such bursts, at the rate `allowed` or a lower one", as the logarithm of an e-value: the
 * mixture of two likelihood ratios, each a martingale under that null.
 * @param trail of each probe in the order of time: was it bad?
 */
export function logBurstEvidence(trail: readonly boolean[], allowed: number): number {
  const turnsBad = (allowed * (1 - staysBad)) / (1 - allowed)
  let logNull = 0
  let bad = 0
  // Of the break: the ratio so far, summed over the moments at which it may have been, and what is left of its prior.
  let [broken, intact] = [0, 1]
  for (const [index, isBad] of trail.entries()) {
    const rate = index === 0 ? allowed : trail[index - 1] ? staysBad : turnsBad
    const chance = isBad ? rate : 1 - rate
    const now = intact * (index === 0 ? down.atFirst : down.later)
    broken = ((broken + now) * (isBad ? down.bad : 1 - down.bad)) / chance
    intact -= now
    logNull += Math.log(chance)
    bad += isBad ? 1 : 0
  }
  const sick = logBeta(prior.a + bad, prior.b + trail.length - bad) - logBeta(prior.a, prior.b) - logNull
  return logSum(Math.log1p(-down.weight) + sick, Math.log(down.weight * (broken + intact)))
}

/** In how many bursts the bad ones came: neighbours belong together. */
export function burstsIn(trail: readonly boolean[]): number {
  return trail.filter((isBad, index) => isBad && !trail[index - 1]).length
}

/** ln(e^a + e^b) */
function logSum(a: number, b: number): number {
  const most = Math.max(a, b)
  return most === -Infinity || most === Infinity ? most : most + Math.log1p(Math.exp(-Math.abs(a - b)))
}
