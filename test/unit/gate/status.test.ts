import { expect, test } from '@jest/globals'
import { readStatus } from '../../../shared/gate/probes/status.ts'

const checks = {
  database: { status: 'up' },
  cache: { status: 'up' },
  memory: { usedPercent: 61.2, of: 'container limit' },
  cpu: { usedPercent: 7, of: 'host' },
  disk: { usedPercent: 50, of: 'file system of /app' },
}
const read = (changes: object) => readStatus({ checks: { ...checks, ...changes } })

test('reads dependencies and shares', () => {
  expect(read({})).toEqual({
    failures: [],
    gaps: [],
    usage: {
      memory: { share: 0.612, of: 'container limit' },
      cpu: { share: 0.07, of: 'host' },
      disk: { share: 0.5, of: 'file system of /app' },
    },
  })
})

test('a dependency that is down is a failure, with its reason', () => {
  expect(read({ database: { status: 'down', reason: 'connection refused' } }).failures).toEqual([
    'database is down ("connection refused")',
  ])
})

test('a dependency that is not told of is a gap, never well', () => {
  expect(read({ cache: undefined }).gaps).toEqual(['/api/v1/status says nothing of the cache'])
  expect(read({ cache: { status: 1 } }).gaps).toHaveLength(1)
})

test.each([null, 'many', -1, undefined])('%p is no reading, but a gap', usedPercent => {
  const gap = '/api/v1/status tells no number as checks.cpu.usedPercent'
  expect(read({ cpu: { usedPercent, of: 'host' } }).usage.cpu).toEqual({ gap })
})

test.each([undefined, null, [], { checks: 3 }, 'ok'])('%p measures nothing', body => {
  expect(readStatus(body)).toEqual({
    failures: [],
    gaps: ['/api/v1/status answers without "checks"'],
    usage: {},
  })
})
