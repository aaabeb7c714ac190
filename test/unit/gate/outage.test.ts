import { expect, test } from '@jest/globals'
import { findOutage } from '../../../shared/gate/probes/outage.ts'

const every100ms = (text: string) =>
  Array.from(text, (sign, index) => ({ sentMs: index * 100, answered: sign === '.' }))

test('a change without a failed request has no gap, however far apart its answers are', () => {
  expect(
    findOutage(
      [
        { sentMs: 0, answered: true },
        { sentMs: 900, answered: true },
      ],
      1_000,
    ),
  ).toEqual({
    requests: 2,
    failed: 0,
    longestGapMs: 0,
  })
})

test('a gap reaches from the last answered request to the next one; the longest counts', () => {
  expect(findOutage(every100ms('..x..xxx.'), 900)).toEqual({ requests: 9, failed: 4, longestGapMs: 400 })
})

test('requests count by when they were sent, not by when they ended', () => {
  expect(findOutage(every100ms('..xx.').toReversed(), 500).longestGapMs).toBe(300)
})

test('a gap that is open at the end reaches to the end', () => {
  expect(findOutage(every100ms('.xx'), 1_000)).toEqual({ requests: 3, failed: 2, longestGapMs: 1_000 })
})
