import { logGamma, lowerTail } from './beta.ts'

/** How a window that left a rate undecided may go on. */
export interface Extension {
  /** Probes at most, those of the window included. */
  most: number
  /** The doubt that a pass in the extension may leave: less than one at the window's end, which was the first chance. */
  doubt: number
}

/** A window is extended by this share of itself at most, and by so many probes. */
const [mostShare, mostProbes] = [0.5, 1_000]
/** The doubt is sought between `beta` and this part of it, by so many bisections of its logarithm. */
const [leastPart, bisections] = [1e-12, 16]

/**
 * The extension of a window. A pass has two chances: at the window's end, with the doubt `beta`, and at any probe of the
 * extension, with a smaller doubt. That one is the largest with which a service whose rate is `passBelow` is passed with a
 * probability of `beta` at most by both chances together, computed exactly for probes that fail independently. (A `fail`
 * needs no such correction: an e-process may be continued as one likes.) A window so short that it passes without a bad
 * probe only is extended by what one bad probe takes, where that is more than half of the window.
 * @param window probes of the window that could be measured
 */
export function extensionOf(passBelow: number, window: number, beta: number): Extension {
  const passed = mostBad(window, passBelow, beta)
  const half = window + Math.min(mostProbes, Math.ceil(window * mostShare))
  const most = passed === 0 ? Math.max(half, afterOneBad(window, passBelow, beta)) : half
  const isSound = (doubt: number) => passProbability(passBelow, window, passed, { most, doubt }) <= beta
  let [low, high] = [beta * leastPart, beta]
  if (isSound(high)) return { most, doubt: high }
  for (let step = 0; step < bisections; step += 1) {
    const middle = Math.sqrt(low * high)
    if (isSound(middle)) low = middle
    else high = middle
  }
  return { most, doubt: low }
}

/** The probability that a service with this rate passes at the window's end, or in the extension. */
function passProbability(rate: number, window: number, passed: number, { most, doubt }: Extension): number {
  let probability = passed < 0 ? 0 : atMost(passed, window, rate)
  const limit = mostBad(most, rate, doubt)
  // Of the windows that have not passed, and still can: the probability of each number of bad probes.
  let first = passed + 1
  const open = Array.from({ length: Math.max(0, limit - passed) }, (_, index) =>
    exactly(first + index, window, rate),
  )
  for (let probes = window + 1; probes <= most && open.length > 0; probes += 1) {
    for (let index = open.length - 1; index >= 0; index -= 1)
      open[index] = (open[index] ?? 0) * (1 - rate) + (open[index - 1] ?? 0) * rate
    while (open.length > 0 && atMost(first, probes, rate) < doubt) {
      probability += open.shift() ?? 0
      first += 1
    }
  }
  return probability
}

/** How many bad probes a window may have to pass: the confidence bound of its rate is under `below`; -1 when none. */
function mostBad(probes: number, below: number, doubt: number): number {
  let [few, many] = [-1, probes]
  while (many - few > 1) {
    const middle = Math.floor((few + many) / 2)
    if (atMost(middle, probes, below) < doubt) few = middle
    else many = middle
  }
  return few
}

/** The probes with which a single bad one passes, after a first chance that took a window without any. */
function afterOneBad(window: number, below: number, beta: number): number {
  const left = beta - exactly(0, window, below)
  return window + Math.max(1, Math.ceil(Math.log(left / exactly(1, window, below)) / Math.log1p(-below)))
}

/** The binomial distribution: the probability of at most so many bad probes. DLMF 8.17.5 */
function atMost(bad: number, all: number, rate: number): number {
  return bad >= all ? 1 : lowerTail(1 - rate, all - bad, bad + 1)
}

function exactly(bad: number, all: number, rate: number): number {
  const ways = logGamma(all + 1) - logGamma(bad + 1) - logGamma(all - bad + 1)
  return Math.exp(ways + bad * Math.log(rate) + (all - bad) * Math.log1p(-rate))
}
