import { expect, test } from '@jest/globals'
import { serverSettings } from '../../../shared/backup/verify/temporary-server.ts'

const locksOf = (relations: number | undefined) => {
  const { max_locks_per_transaction: each, max_connections: connections } = serverSettings({
    relations,
    size: 0,
  })
  return Number(each) * Number(connections)
}

test.each([0, 400, 9_600, 1_000_000])(
  'a temporary server can lock all of %i relations in one statement',
  relations => {
    expect(locksOf(relations)).toBeGreaterThanOrEqual(relations + 10_000)
  },
)

test('where a backup does not say how many there are, it has locks for many', () => {
  expect(locksOf(undefined)).toBeGreaterThan(100_000)
})
