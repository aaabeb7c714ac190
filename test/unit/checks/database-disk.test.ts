import { expect, test } from '@jest/globals'
import { judgeDisk } from '../../../shared/checks/infrastructure/database-disk.ts'
import type { PostgresSession } from '../../../shared/integrations/database/postgres.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { gateDefaults } from '../../../shared/config/environment.ts'
import { contextOf } from './context.ts'

const session: PostgresSession = {
  announcedPid: 1,
  rows: () => Promise.reject(new Error('the server of another machine is not asked for its folder')),
  ask: () => Promise.reject(new Error('nothing is asked that a user wrote')),
  close: () => Promise.resolve(),
}
const judge = (disk: string, prometheus: string) => {
  const checks = resolveChecks(key => key, { database: disk === '' ? {} : { disk } })
  const monitoring = { prometheus, grafana: '', pushgateway: '' }
  return judgeDisk(session, 'db.example.com', contextOf({ checks, monitoring, gate: gateDefaults }))
}

test('a query without an answer leaves the disk unknown, and takes nothing else of the database with it', async () => {
  const query = 'max(node_filesystem_used_ratio)'
  expect(await judge(query, '')).toMatchObject([
    { result: 'warn', remedy: expect.stringContaining('monitoring.prometheus') },
  ])
  expect(await judge(query, 'http://127.0.0.1:1')).toMatchObject([
    { result: 'warn', finding: expect.stringMatching(/^its disk is not known: .*refused/) },
  ])
  expect(await judge('', '')).toMatchObject([
    { result: 'pass', finding: 'its disk cannot be seen from here' },
  ])
})
