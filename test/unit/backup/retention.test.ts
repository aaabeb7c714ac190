import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { chooseExpired, type Kept } from '../../../shared/backup/storage/retention.ts'

const day = 86_400_000
const now = 400 * day
const keys = (key: string) => ({ key, dumps: [key] })

const backup = fc.record({
  age: fc.integer({ min: 0, max: 200 }),
  verified: fc.constantFrom<Kept['verified']>('restore', 'list', 'none', undefined),
  keep: fc.constantFrom<Kept['keep']>('long', 'short', undefined),
  hasDump: fc.boolean(),
  hasManifest: fc.boolean(),
})
const store = fc.array(backup, { maxLength: 40 }).map(list =>
  list
    .map(({ age, ...each }, index): Kept => ({
      ...each,
      ...keys(`key-${index}`),
      takenAt: now - age * day,
    }))
    .sort((a, b) => b.takenAt - a.takenAt),
)
const rules = fc.record({
  days: fc.integer({ min: 1, max: 60 }),
  shortDays: fc.integer({ min: 1, max: 60 }),
  keepAtLeast: fc.integer({ min: 1, max: 10 }),
})
const whole = ({ hasDump, hasManifest }: Kept) => hasDump && hasManifest

test('nothing whole goes before its days are over, and so many verified ones always stay', () => {
  fc.assert(
    fc.property(store, rules, (backups, { days, shortDays, keepAtLeast }) => {
      const expired = new Set(
        chooseExpired(backups, { days, shortDays, keepAtLeast, needed: ['s3://bucket/key-3'] }, now),
      )
      const verified = backups.filter(each => whole(each) && each.verified === 'restore')
      const kept = verified.filter(each => !expired.has(each))
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(verified.length, keepAtLeast))
      // What a release may go back to stays too.
      for (const each of expired) if (whole(each)) expect(each.key).not.toBe('key-3')
      // Those that stay are the newest.
      expect(verified.slice(0, keepAtLeast).some(each => expired.has(each))).toBe(false)
      const stays = ({ keep }: Kept) => (keep === 'short' ? Math.min(shortDays, days) : days)
      for (const each of expired)
        if (whole(each)) expect(now - each.takenAt).toBeGreaterThan(stays(each) * day)
      // Of each day, one verified one stays for long.
      const dayOf = ({ takenAt }: Kept) => Math.floor(takenAt / day)
      for (const each of verified)
        if (now - each.takenAt <= days * day)
          expect(kept.some(other => dayOf(other) === dayOf(each))).toBe(true)
      // One whose manifest says nothing that we understand is not ours to judge.
      for (const each of expired) if (whole(each)) expect(each.verified).toBeDefined()
    }),
  )
})

test('with enough verified ones, what is old goes', () => {
  const at = (age: number, verified: Kept['verified']): Kept => ({
    ...keys(`${age}`),
    takenAt: now - age * day,
    verified,
    keep: undefined,
    hasDump: true,
    hasManifest: true,
  })
  const backups = [at(1, 'restore'), at(2, 'restore'), at(31, 'restore'), at(32, 'none')]
  expect(
    chooseExpired(backups, { days: 30, shortDays: 2, keepAtLeast: 2, needed: [] }, now).map(({ key }) => key),
  ).toEqual(['31', '32'])
  expect(
    chooseExpired(backups, { days: 30, shortDays: 2, keepAtLeast: 3, needed: [] }, now).map(({ key }) => key),
  ).toEqual(['32'])
  expect(chooseExpired(backups, { days: 30, shortDays: 2, keepAtLeast: 4, needed: [] }, now)).toEqual([])
})

test('half a backup is left alone for a day: another run may be at it', () => {
  const half = { ...keys('half'), verified: undefined, keep: undefined, hasDump: true, hasManifest: false }
  const rule = { days: 30, shortDays: 2, keepAtLeast: 1, needed: [] }
  expect(chooseExpired([{ ...half, takenAt: now - 0.9 * day }], rule, now)).toEqual([])
  expect(chooseExpired([{ ...half, takenAt: now - 1.1 * day }], rule, now)).toHaveLength(1)
})

test('of the half-hourly ones, one a day stays for long: that of 02:00, or the first when that run was dropped', () => {
  const at = (date: number, hour: number, keep: Kept['keep']): Kept => ({
    ...keys(`${date}-${hour}`),
    takenAt: date * day + hour * 3_600_000,
    verified: 'restore',
    keep,
    hasDump: true,
    hasManifest: true,
  })
  const backups = [390, 389].flatMap(date => [
    at(date, 3, 'short'),
    at(date, 2, date === 390 ? 'long' : 'short'),
    at(date, 1, 'short'),
  ])
  const rule = { days: 30, shortDays: 2, keepAtLeast: 1, needed: [] }
  const expired = chooseExpired([at(399, 1, 'short'), ...backups], rule, now).map(({ key }) => key)
  expect(expired).toEqual(['390-3', '390-1', '389-3', '389-2'])
})
