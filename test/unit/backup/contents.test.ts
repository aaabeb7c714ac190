import { expect, test } from '@jest/globals'
import { compareContents } from '../../../shared/backup/verify/contents.ts'
import type { Contents } from '../../../shared/backup/storage/manifest.ts'

const table = { schema: 'public', table: 'users', rows: 10, checksum: '123' }
const sequence = { schema: 'public', sequence: 'users_id_seq', from: '11', to: '14' }
const dumped: Contents = {
  hashing: 'values',
  tables: [table],
  sequences: [sequence],
  largeObjects: { count: 1, checksum: '9' },
}
const at = (next: string) => ({ ...sequence, from: next, to: next })
const restored: Contents = { ...dumped, sequences: [at('11')] }

test.each(['11', '12', '14'])(
  'a restore whose sequence stands at %s, within what was seen, is the same',
  next => {
    expect(compareContents(dumped, { ...restored, sequences: [at(next)] })).toEqual([])
  },
)

test('a sequence that counts down has its bounds the other way round', () => {
  const down = { ...sequence, from: '-5', to: '-11' }
  const compare = (next: string) =>
    compareContents(
      { ...dumped, sequences: [down] },
      { ...restored, sequences: [{ ...down, from: next, to: next }] },
    )
  expect(compare('-8')).toEqual([])
  expect(compare('-12')).toHaveLength(1)
})

test.each<[string, Partial<Contents>, string]>([
  ['a missing table', { tables: [] }, 'table public.users is missing'],
  ['a missing row', { tables: [{ ...table, rows: 9 }] }, 'table public.users has 9 rows, was dumped with 10'],
  [
    'another value',
    { tables: [{ ...table, checksum: '124' }] },
    'table public.users has the same 10 rows in number, but other values',
  ],
  [
    'a table too many',
    { tables: [table, { ...table, table: 'more' }] },
    'table public.more was not dumped, but is there',
  ],
  ['a missing sequence', { sequences: [] }, 'sequence public.users_id_seq is missing'],
  [
    'a sequence that is behind',
    { sequences: [at('10')] },
    'sequence public.users_id_seq gives 10 next, was between 11 and 14',
  ],
  [
    'a sequence that is ahead',
    { sequences: [at('15')] },
    'sequence public.users_id_seq gives 15 next, was between 11 and 14',
  ],
  ['a missing large object', { largeObjects: { count: 0, checksum: '0' } }, '0 large objects, 1 were dumped'],
  [
    'another large object',
    { largeObjects: { count: 1, checksum: '8' } },
    'the large objects have other contents',
  ],
])('%s is a difference', (_what, change, line) => {
  expect(compareContents(dumped, { ...restored, ...change })).toEqual([line])
})
