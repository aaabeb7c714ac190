import { expect, test } from '@jest/globals'
import { RiseDetector } from '../../../shared/smoke/rise.ts'

/** After how many of these it says so; undefined when it does not. */
function noticed(allowed: number, requests: number, failures: Iterable<boolean>): number | undefined {
  const detector = new RiseDetector(allowed, requests)
  let seen = 0
  for (const failed of failures) {
    seen += 1
    if (detector.saw(failed)) return seen
  }
  return undefined
}

test('an outage is noticed after a handful, at the start and after thousands that were well', () => {
  expect(noticed(0.01, 1_000, Array<boolean>(1_000).fill(true))).toBe(6)
  const late = [...Array<boolean>(5_000).fill(false), ...Array<boolean>(20).fill(true)]
  expect(noticed(0.01, 10_000, late)).toBeLessThanOrEqual(5_008)
})

test('no failure is allowed: the first one is enough', () => {
  expect(noticed(0, 100, [false, true])).toBe(2)
})

test('all may fail: nothing is ever said', () => {
  expect(noticed(1, 100, Array<boolean>(100).fill(true))).toBeUndefined()
  expect(noticed(1, 100, [false, true, false, true])).toBeUndefined()
  expect(noticed(0.95, 100, [false, ...Array<boolean>(50).fill(true)])).toBeUndefined()
})

test('failures at the allowed rate end no more than one load in a thousand', () => {
  const random = seeded(1)
  let ended = 0
  for (let load = 0; load < 4_000; load += 1) {
    const failures = Array.from({ length: 1_000 }, () => random() < 0.01)
    if (noticed(0.01, 1_000, failures) !== undefined) ended += 1
  }
  expect(ended).toBeLessThanOrEqual(12)
})

test('30% of failures are noticed within 60 requests, nearly always', () => {
  const random = seeded(2)
  let late = 0
  for (let load = 0; load < 1_000; load += 1) {
    const failures = Array.from({ length: 60 }, () => random() < 0.3)
    if (noticed(0.01, 1_000, failures) === undefined) late += 1
  }
  expect(late).toBeLessThan(20)
})

/** The same numbers each time: a linear congruential generator (Numerical Recipes). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(1_664_525, state) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
