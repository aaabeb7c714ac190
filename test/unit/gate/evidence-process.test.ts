import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { burstsIn, logBurstEvidence } from '../../../shared/gate/statistics/bursts.ts'
import {
  countOf,
  leastProbes,
  logCountEvidence,
  refutes,
  upperBound,
  upperQuantile,
  type Count,
} from '../../../shared/gate/statistics/evidence-process.ts'
import { inBursts, independent, probesToFail, seeded, wald } from './probes.ts'

const [allowed, alpha] = [0.01, 0.01]
const toFail = (probes: Iterable<boolean>, most: number) =>
  probesToFail(probes, most, trail => refutes(trail, allowed, alpha))

function alarms(runs: number, probes: (random: () => number) => Generator<boolean>, window: number): number {
  const random = seeded(1)
  let failed = 0
  for (let run = 0; run < runs; run += 1) if (toFail(probes(random), window) !== undefined) failed += 1
  return failed / runs
}

describe('logCountEvidence', () => {
  test('equals the mixture integral, computed by brute force', () => {
    for (const [bad, all] of [
      [0, 10],
      [1, 1],
      [2, 2],
      [1, 60],
      [4, 62],
      [60, 1_000],
    ] as const) {
      expect(logCountEvidence({ bad, all }, allowed)).toBeCloseTo(integral({ bad, all }), 6)
    }
  })

  test('stays finite for windows of any length', () => {
    expect(logCountEvidence({ bad: 100_000, all: 100_000 }, allowed)).toBeGreaterThan(1e5)
    expect(logCountEvidence({ bad: 0, all: 1_000_000 }, allowed)).toBeLessThan(0)
    expect(Number.isFinite(logCountEvidence({ bad: 0, all: 1_000_000 }, allowed))).toBe(true)
  })
})

describe('logBurstEvidence', () => {
  test('is an e-value: its mean over all trails of a length, under its null, is at most 1', () => {
    for (const rate of [0.01, 0.05, 0.3]) {
      let mean = 0
      for (const trail of trails(10)) mean += chance(trail, rate) * Math.exp(logBurstEvidence(trail, rate))
      expect(mean).toBeCloseTo(1, 9)
    }
  })

  /** Under the null that bursts.ts describes: three or four in a row on average, at the rate allowed. */
  function chance(trail: boolean[], rate: number): number {
    const turnsBad = (rate * 0.3) / (1 - rate)
    return trail.reduce((product, bad, index) => {
      const turns = index === 0 ? rate : trail[index - 1] ? 0.7 : turnsBad
      return product * (bad ? turns : 1 - turns)
    }, 1)
  }

  function* trails(length: number): Generator<boolean[]> {
    for (let bits = 0; bits < 2 ** length; bits += 1)
      yield Array.from({ length }, (_, index) => ((bits >> index) & 1) === 1)
  }
})

describe('refutes', () => {
  test('a service at the allowed rate is failed in at most alpha of its runs', () => {
    expect(alarms(300, random => independent(random, allowed), 60)).toBeLessThanOrEqual(alpha)
  })

  test.each([2, 3, 5])('also when its probes fail in bursts of %p on average', length => {
    expect(alarms(300, random => inBursts(random, allowed, length), 60)).toBeLessThanOrEqual(alpha)
  })

  test('a burst of two, or of five, at the very start fails no release', () => {
    for (const length of [2, 5]) {
      const probes = [...Array<boolean>(length).fill(true), ...Array<boolean>(60).fill(false)]
      expect(toFail(probes, 100)).toBeUndefined()
    }
  })

  test('a service that is down is failed in 15 probes from the first, and in 25 after a good minute', () => {
    const after = (good: number) => [...Array<boolean>(good).fill(false), ...Array<boolean>(60).fill(true)]
    expect(toFail(after(0), 100)).toBeLessThanOrEqual(15)
    expect(toFail(after(120), 200)).toBeLessThanOrEqual(120 + 25)
  })

  test('what refutes a higher rate, or with less doubt, refutes a lower one', () => {
    const trails = fc.array(fc.boolean(), { minLength: 1, maxLength: 150 })
    fc.assert(
      fc.property(trails, fc.double({ min: 0.01, max: 0.3, noNaN: true }), (trail, rate) => {
        fc.pre(refutes(trail, rate, 0.001))
        expect(refutes(trail, rate, 0.01)).toBe(true)
        expect(logCountEvidence(countOf(trail), rate / 2)).toBeGreaterThan(
          logCountEvidence(countOf(trail), rate),
        )
      }),
    )
  })

  // `script/bench gate` holds 10,000 runs of each against 1.25; so few as here are only good for a look.
  test.each([0.05, 0.1, 0.3])(
    "at a rate of %p it takes little more than the probes of Wald's test that knows the rate",
    rate => {
      let [ours, walds] = [0, 0]
      for (let run = 0; run < 200; run += 1) {
        ours += toFail(independent(seeded(run), rate), 10_000) ?? NaN
        walds += probesToFail(independent(seeded(run), rate), 10_000, wald(rate, allowed, alpha)) ?? NaN
      }
      expect(ours).toBeLessThan(1.35 * walds)
    },
  )
})

test('burstsIn counts neighbours as one', () => {
  expect(burstsIn([])).toBe(0)
  expect(burstsIn([true, true, false, true, false, false, true, true])).toBe(3)
})

describe('upperQuantile', () => {
  const values = Array.from({ length: 60 }, (_, index) => 60 - index)

  test('of 60 values, the 95th percentile is surely under the largest', () => {
    expect(upperQuantile(values, 0.95, 0.05)).toBe(60)
    expect(upperQuantile(values, 0.5, 0.05)).toBe(37)
  })

  test('needs 59 values', () => {
    expect(upperQuantile(values.slice(0, 59), 0.95, 0.05)).toBe(60)
    expect(upperQuantile(values.slice(0, 58), 0.95, 0.05)).toBeUndefined()
    expect(upperQuantile([], 0.95, 0.05)).toBeUndefined()
  })

  test('is under the true quantile in at most 5% of samples', () => {
    const random = seeded(4)
    let under = 0
    for (let run = 0; run < 2_000; run += 1) {
      const bound = upperQuantile(Array.from({ length: 60 }, random), 0.95, 0.05) ?? 1
      under += bound < 0.95 ? 1 : 0
    }
    expect(under / 2_000).toBeLessThanOrEqual(0.055)
  })
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

test('leastProbes is the first number whose bound is under the limit', () => {
  for (const [below, bad] of [
    [0.05, 0],
    [0.1, 0],
    [0.2, 0],
    [0.05, 1],
    [0.05, 7],
  ] as const) {
    const least = leastProbes(below, 0.05, bad)
    expect(upperBound({ bad, all: least }, 0.05)).toBeLessThan(below)
    expect(upperBound({ bad, all: least - 1 }, 0.05)).toBeGreaterThan(below)
  }
})

function integral({ bad, all }: Count): number {
  let [weighted, weight] = [0, 0]
  const steps = 50_000
  for (let step = 0; step < steps; step += 1) {
    const rate = allowed + ((1 - allowed) * (step + 0.5)) / steps
    const density = rate * (1 - rate) ** 7.8
    weight += density
    const ratio = bad * Math.log(rate / allowed) + (all - bad) * Math.log((1 - rate) / (1 - allowed))
    weighted += density * Math.exp(ratio)
  }
  return Math.log(weighted / weight)
}
