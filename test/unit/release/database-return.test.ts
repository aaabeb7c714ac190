import { describe, expect, test } from '@jest/globals'
import { belongsTo } from '../../../shared/release/backup-candidate.ts'
import {
  abandonReturn,
  beginReturn,
  endReturn,
  firstAfter,
  seen,
} from '../../../shared/release/database-return.ts'
import { raiseFloor } from '../../../shared/release/floor.ts'
import {
  beginRestore,
  endRestore,
  find,
  intend,
  noteVerdict,
  type Entry,
  type Ledger,
  type ReleaseId,
} from '../../../shared/release/ledger.ts'
import { at, intent, released, three } from './releases.ts'

const plain = (ledger: Ledger, back: ReleaseId) => endRestore(beginRestore(ledger, back, at, 'slow'))
const database = {
  backup: 'file:///b',
  live: 'api',
  restored: 'api_restore_1',
  oid: '7',
  kept: 'api_before_1',
}

describe('the release whose backup goes with the one that comes back', () => {
  test('is the one that was deployed upon it', () => {
    expect(firstAfter(three, 'r2')?.id).toBe('r3')
    expect(firstAfter(three, 'r1')?.id).toBe('r2')
  })

  test('is the unfinished one, when that is what is taken back', () => {
    const { ledger } = intend(three, intent('v1.3.0'))
    expect(firstAfter(ledger, 'r3')?.id).toBe('r4')
    expect(firstAfter(ledger, 'r2')?.id).toBe('r3')
  })

  test('is the last that was deployed upon it, when it has served twice', () => {
    const again = released(plain(three, 'r2'), 'v1.3.0')
    expect(firstAfter(again, 'r2')?.id).toBe('r4')
    // What was withdrawn is nothing that r4 was deployed upon.
    expect(firstAfter(again, 'r3')).toBeUndefined()
  })

  test('is none for what serves, for what never served, and for ledgers of before', () => {
    expect(firstAfter(three, 'r3')).toBeUndefined()
    expect(firstAfter(three, 'r9')).toBeUndefined()
    const old = { ...three, entries: three.entries.map(({ previous: _unknown, ...rest }): Entry => rest) }
    expect(firstAfter(old, 'r2')).toBeUndefined()
  })
})

test('which database is live is told by its number, whatever it is called', () => {
  expect(seen(database, '7', undefined)).toBe('swapped')
  expect(seen(database, '3', '7')).toBe('waiting')
  expect(seen(database, '3', undefined)).toBe('gone')
  expect(seen(database, undefined, undefined)).toBe('gone')
  // An operator made another database of that name.
  expect(seen(database, '3', '9')).toBe('gone')
})

describe('a database that goes back with its release', () => {
  const needs = { schemaNeeds: 'v1.2.0' }
  const contracted = raiseFloor(released(three, 'v1.3.0', needs), 'r4')
  const migrated = noteVerdict(contracted, 'r4', { migrated: ['digest'] })
  const begun = beginReturn(migrated, 'r2', database, at, 'asked for')

  test('is written down before anything is touched, and what serves otherwise', () => {
    expect(begun).toMatchObject({ serving: 'r2', restoring: { from: 'r4', database: { otherwise: 'r4' } } })
    expect(find(begun, 'r4')?.state).toBe('withdrawn')
    expect(() => beginRestore(begun, 'r1', at, 'x')).toThrow('comes first')
  })

  test('takes the schema, and the memory of its migrations, back', () => {
    const ended = endReturn(begun)
    expect(ended.restoring).toEqual({ from: 'r4', since: at })
    expect(ended.floor).toEqual({ version: 'v1.1.0', since: 'r2' })
    expect(find(ended, 'r4')).not.toHaveProperty('migrated')
    expect(endReturn(ended)).toBe(ended)
  })

  test('that cannot, leaves what served good, on the schema as it is', () => {
    const abandoned = abandonReturn(begun, at)
    expect(abandoned).toMatchObject({ serving: 'r4', restoring: { from: 'r4', since: at } })
    expect(abandoned.restoring).not.toHaveProperty('database')
    expect(find(abandoned, 'r4')).toMatchObject({ state: 'good', migrated: ['digest'] })
    expect(abandoned.floor).toEqual({ version: 'v1.2.0', since: 'r4' })
    expect(abandonReturn(abandoned, at)).toBe(abandoned)
  })

  test('from under an unfinished release, leaves the last good one to serve', () => {
    const { ledger } = intend(three, intent('v1.3.0'))
    const abandoned = abandonReturn(beginReturn(ledger, 'r3', database, at, 'asked for'), at)
    expect(abandoned).toMatchObject({ serving: 'r3', restoring: { from: 'r4' } })
    expect(find(abandoned, 'r4')?.state).toBe('bad')
  })
})

test('a backup belongs to a release when it was taken while the one before served, and not long ago', () => {
  const hour = 3_600_000
  const now = Date.parse(at) + 2 * hour
  const serving = find(three, 'r3')
  const uri = 's3://b/k'
  expect(belongsTo({ uri, takenAt: now - hour }, serving, hour, now)).toBe(true)
  expect(belongsTo({ uri, takenAt: now - hour - 1 }, serving, hour, now)).toBe(false)
  expect(belongsTo({ uri, takenAt: Date.parse(at) - 1_000 }, serving, 9 * hour, now)).toBe(false)
  const restored = serving && {
    ...serving,
    restored: { at: new Date(now - 1_000).toISOString(), verdict: 'healthy' as const },
  }
  expect(belongsTo({ uri, takenAt: now - 2_000 }, restored, hour, now)).toBe(false)
  expect(belongsTo({ uri, takenAt: undefined }, serving, hour, now)).toBe(true)
})
