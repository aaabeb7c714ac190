import { expect, test } from '@jest/globals'
import {
  beforeDropping,
  describeCopy,
  describeLeftBehind,
} from '../../../shared/backup/restore/left-behind.ts'

const beyond = {
  subscriptions: [{ name: 's', slot: 'shop_s', publications: ['p', 'Odd "one"'] }],
  slots: ['debezium'],
  superuserOwned: [],
  backgroundExtensions: ['pg_cron'],
  remoteViews: [],
}
const where = { live: 'shop', kept: 'shop_before', beyond }

test('a subscription stays with the database that is kept, and can be moved from there', () => {
  const [subscription] = describeLeftBehind([{ kind: 'subscription', name: 's' }], where)
  expect(subscription).toMatchObject({ subject: 'subscription s', tone: 'warn' })
  expect(subscription?.finding).toContain('shop_before still has it and goes on to read the slot shop_s')
  expect(subscription?.finding).toContain(
    `CREATE SUBSCRIPTION "s" CONNECTION '...' PUBLICATION "p", "Odd ""one""" WITH (copy_data = false, create_slot = false, slot_name = 'shop_s')`,
  )
  expect(beforeDropping(where)).toBe(
    'ALTER SUBSCRIPTION "s" DISABLE; ALTER SUBSCRIPTION "s" SET (slot_name = NONE); DROP SUBSCRIPTION "s"',
  )
})

test('one that was made since the backup is reported as well', () => {
  expect(describeLeftBehind([], where).map(({ subject }) => subject)).toEqual([
    'subscription s',
    'replication slot debezium',
  ])
})

test('in a database that was lost nothing is left to move', () => {
  const lost = { live: 'shop', kept: '', beyond: undefined }
  const found = describeLeftBehind(
    [
      { kind: 'subscription', name: 's' },
      { kind: 'extension', name: 'pg_cron' },
    ],
    lost,
  )
  expect(found.map(({ finding }) => finding)).toEqual([
    expect.stringContaining('no other database has it here'),
    expect.stringContaining('CREATE EXTENSION "pg_cron" in shop'),
  ])
  expect(beforeDropping(lost)).toBe('')
})

test('of a copy only what acts by itself is worth a line', () => {
  expect(describeCopy([{ kind: 'policy', name: 'public orders own' }])).toEqual([])
  expect(describeCopy([{ kind: 'event trigger', name: 'watch' }])[0]?.finding).toContain(
    'event trigger watch',
  )
})
