import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Pace } from '../../../shared/smoke/pace.ts'

/** Sends as soon as it may, at moments that the callers' own delays allow. */
function send(maxRate: number, delays: number[]): number[] {
  const pace = new Pace(maxRate)
  let now = 0
  return delays.map(delay => {
    now += delay
    now = Math.max(now, pace.next(now))
    return now
  })
}

test('no second sees more than the rate, and a hundredth of it, whatever was late', () => {
  const rate = fc.integer({ min: 1, max: 2_000 })
  const delays = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 300, noNaN: true })), {
    minLength: 50,
  })
  fc.assert(
    fc.property(rate, delays, (maxRate, each) => {
      const sent = send(maxRate, each)
      for (const from of sent) {
        const within = sent.filter(at => at >= from && at < from + 1_000).length
        expect(within).toBeLessThanOrEqual(maxRate * 1.01 + 1)
      }
    }),
  )
})

test('what keeps its time is sent at the rate', () => {
  expect(send(100, [0, 0, 0, 0, 0])).toEqual([0, 10, 20, 30, 40])
})

test('a stall is not made up for', () => {
  const [first = 0, second = 0, third = 0] = send(100, [0, 5_000, 0, 0]).slice(1)
  expect(second - first).toBe(0)
  expect(third - second).toBe(10)
})
