import { expect, test } from '@jest/globals'
import { isFrozen, parseBound } from '../../../shared/config/freeze.ts'

const window = (from: string, to: string, timeZone = 'UTC') => ({ from, to, timeZone, reason: 'rest' })

test.each([
  // Dates: to is the first minute that is free again.
  ['2026-12-20 18:00', '2026-12-27', 'UTC', '2026-12-20T17:59Z', false],
  ['2026-12-20 18:00', '2026-12-27', 'UTC', '2026-12-20T18:00Z', true],
  ['2026-12-20 18:00', '2026-12-27', 'UTC', '2026-12-26T23:59Z', true],
  ['2026-12-20 18:00', '2026-12-27', 'UTC', '2026-12-27T00:00Z', false],
  // Week days, over the end of the week: 25 November 2026 is a Wednesday.
  ['Fri 16:00', 'Mon 08:00', 'UTC', '2026-11-27T16:00Z', true],
  ['Fri 16:00', 'Mon 08:00', 'UTC', '2026-11-29T12:00Z', true],
  ['Fri 16:00', 'Mon 08:00', 'UTC', '2026-11-30T08:00Z', false],
  ['Fri 16:00', 'Mon 08:00', 'UTC', '2026-11-25T12:00Z', false],
  ['Tuesday', 'Thu', 'UTC', '2026-11-25T12:00Z', true],
  // Every night, in a zone of its own: Seoul is nine hours ahead.
  ['22:00', '06:00', 'Asia/Seoul', '2026-11-25T13:00Z', true],
  ['22:00', '06:00', 'Asia/Seoul', '2026-11-25T20:59Z', true],
  ['22:00', '06:00', 'Asia/Seoul', '2026-11-25T21:00Z', false],
  ['09:00', '17:00', 'Asia/Seoul', '2026-11-25T23:00Z', false],
  // The clocks of Berlin go back at 01:00 UTC: 02:30 comes twice, and 03:00 once.
  ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T00:30Z', true],
  ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T01:30Z', true],
  ['02:00', '03:00', 'Europe/Berlin', '2026-10-25T02:00Z', false],
])('%s to %s in %s at %s: %s', (from, to, zone, at, frozen) => {
  expect(isFrozen(window(from, to, zone), Date.parse(at))).toBe(frozen)
})

test.each(['', 'Friday evening', '25:00', '16:60', '2026-13-01', '2026-02-30', '20 December', 'Fri 4pm'])(
  '%j is no moment',
  text => {
    expect(parseBound(text)).toBeUndefined()
  },
)
