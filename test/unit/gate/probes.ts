/** mulberry32: small, seeded, good enough for counting coins. From 0 up to 1. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Probes that fail independently. */
export function* independent(random: () => number, rate: number): Generator<boolean> {
  for (;;) yield random() < rate
}

/** Probes of which the same rate fails in the long run, but in bursts that are so long on average. */
export function* inBursts(random: () => number, rate: number, length: number): Generator<boolean> {
  const staysBad = 1 - 1 / length
  const turnsBad = (rate * (1 - staysBad)) / (1 - rate)
  for (let bad = random() < rate; ; bad = random() < (bad ? staysBad : turnsBad)) yield bad
}

/** Probes until a test says that the service is ill, or undefined when it does not within `most`. */
export function probesToFail(
  probes: Iterable<boolean>,
  most: number,
  isIll: (trail: boolean[]) => boolean,
): number | undefined {
  const trail: boolean[] = []
  for (const bad of probes) {
    trail.push(bad)
    if (isIll(trail)) return trail.length
    if (trail.length >= most) return undefined
  }
  return undefined
}

/** Wald's sequential test that knows the rate, for one run: each call is told of one probe more. */
export function wald(rate: number, allowed: number, alpha: number): (trail: boolean[]) => boolean {
  const [bad, good] = [Math.log(rate / allowed), Math.log((1 - rate) / (1 - allowed))]
  let logRatio = 0
  return trail => {
    logRatio += trail.at(-1) ? bad : good
    return logRatio >= Math.log(1 / alpha)
  }
}
