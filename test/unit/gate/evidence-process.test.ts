import { describe, expect, test } from '@jest/globals'
import { leastProbes, logEvidence, upperBound, type Count } from '../../../shared/gate/evidence-process.ts'

/** mulberry32: small, seeded, good enough for counting coins. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const [allowed, alpha] = [0.01, 0.01]

/** Probes until the evidence reaches `threshold`, or undefined when it does not within `most`. */
function probesToFail(
  random: () => number,
  rate: number,
  most: number,
  evidence: (count: Count) => number,
): number | undefined {
  const count = { bad: 0, all: 0 }
  while (count.all < most) {
    const bad = random() < rate
    count.all += 1
    count.bad += bad ? 1 : 0
    // A good probe only ever lowers the evidence.
    if (bad && evidence(count) >= Math.log(1 / alpha)) return count.all
  }
  return undefined
}

describe('logEvidence', () => {
  test('equals the mixture integral, computed by brute force', () => {
    for (const [bad, all] of [
      [0, 10],
      [1, 1],
      [2, 2],
      [1, 60],
      [4, 62],
      [60, 1_000],
    ] as const) {
      expect(logEvidence({ bad, all }, allowed)).toBeCloseTo(integral({ bad, all }), 6)
    }
  })

  test('stays finite for windows of any length', () => {
    expect(logEvidence({ bad: 100_000, all: 100_000 }, allowed)).toBeGreaterThan(1e5)
    expect(logEvidence({ bad: 0, all: 1_000_000 }, allowed)).toBeLessThan(0)
    expect(Number.isFinite(logEvidence({ bad: 0, all: 1_000_000 }, allowed))).toBe(true)
  })

  test('a service at the allowed rate is failed in at most alpha of its runs, however long it is watched', () => {
    const random = seeded(1)
    const runs = 2_000
    let alarms = 0
    for (let run = 0; run < runs; run += 1) {
      if (probesToFail(random, allowed, 600, count => logEvidence(count, allowed)) !== undefined) alarms += 1
    }
    expect(alarms / runs).toBeLessThanOrEqual(alpha)
  })

  test.each([0.05, 0.1, 0.3])(
    "at a rate of %p it takes at most 1.25 times the probes of Wald's test that knows the rate",
    rate => {
      const random = seeded(2)
      const wald = ({ bad, all }: Count) =>
        bad * Math.log(rate / allowed) + (all - bad) * Math.log((1 - rate) / (1 - allowed))
      const mean = (evidence: (count: Count) => number) => {
        let total = 0
        for (let run = 0; run < 1_500; run += 1) total += probesToFail(random, rate, 10_000, evidence) ?? NaN
        return total / 1_500
      }
      expect(mean(count => logEvidence(count, allowed))).toBeLessThan(1.25 * mean(wald))
    },
  )
})

describe('upperBound', () => {
  test('is the textbook bound: rule of three, and tables for 95%', () => {
    expect(upperBound({ bad: 0, all: 59 }, 0.05)).toBeCloseTo(0.0495, 4)
    expect(upperBound({ bad: 1, all: 60 }, 0.05)).toBeCloseTo(0.0766, 4)
    expect(upperBound({ bad: 3, all: 100 }, 0.05)).toBeCloseTo(0.0757, 4)
    expect(upperBound({ bad: 5, all: 5 }, 0.05)).toBe(1)
  })

  test('a service as ill as the limit gets under it in at most 5% of its runs', () => {
    const random = seeded(3)
    let passed = 0
    for (let run = 0; run < 2_000; run += 1) {
      let bad = 0
      for (let probe = 0; probe < 60; probe += 1) bad += random() < 0.05 ? 1 : 0
      if (upperBound({ bad, all: 60 }, 0.05) < 0.05) passed += 1
    }
    expect(passed / 2_000).toBeLessThanOrEqual(0.055)
  })
})

test('leastProbes is the first number whose bound, all good, is under the limit', () => {
  for (const below of [0.05, 0.1, 0.2]) {
    const least = leastProbes(below, 0.05)
    expect(upperBound({ bad: 0, all: least }, 0.05)).toBeLessThan(below)
    expect(upperBound({ bad: 0, all: least - 1 }, 0.05)).toBeGreaterThan(below)
  }
})

function integral({ bad, all }: Count): number {
  let [weighted, weight] = [0, 0]
  const steps = 50_000
  for (let step = 0; step < steps; step += 1) {
    const rate = allowed + ((1 - allowed) * (step + 0.5)) / steps
    const density = 9 * (1 - rate) ** 8
    weight += density
    const ratio = bad * Math.log(rate / allowed) + (all - bad) * Math.log((1 - rate) / (1 - allowed))
    weighted += density * Math.exp(ratio)
  }
  return Math.log(weighted / weight)
}
