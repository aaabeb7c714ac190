import { expect, test } from '@jest/globals'
import { backup } from '../../../shared/checks/backup.ts'
import type { Environment } from '../../../shared/runbook/environment.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask } from './context.ts'

test('the age of the write-ahead log is asked of the server itself', async () => {
  const { host, port, user, password } = openLab().postgres
  const wal: Environment['backup'] = {
    destination: 'file:///nowhere',
    retentionDays: 30,
    shortDays: 2,
    encryptTo: [],
    verifyQuery: '',
    postgresImage: '',
    rpoMs: 3_600_000,
    rtoMs: 14_400_000,
    promisesRpo: true,
    wal: true,
  }
  const environment = environmentAt('', { envFile: '.env', backup: wal })
  const url = `postgresql://${user}:${password}@${host}:${port}/postgres`
  const found = await ask(backup, { DATABASE_URL: url }, { environment })
  // The lab's server archives nothing.
  expect(found).toMatchObject({ result: 'fail', finding: expect.stringContaining('archive_mode is off') })
})
