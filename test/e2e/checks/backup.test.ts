import { expect, test } from '@jest/globals'
import { backup } from '../../../shared/checks/release/backup.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt } from '../gate/ports.ts'
import { ask } from './context.ts'
import { sql, startPostgres } from './own-postgres.ts'

const wal: NonNullable<Environment['backup']> = {
  destination: 'file:///nowhere',
  retentionDays: 30,
  shortDays: 2,
  encryptTo: [],
  signedBy: [],
  verifyQuery: '',
  postgresImage: '',
  rpoMs: 3_600_000,
  rtoMs: 14_400_000,
  envFile: '',
  promisesRpo: true,
  wal: true,
}

function check(url: string, rpoMs = wal.rpoMs) {
  const environment = environmentAt('', { envFile: '.env', backup: { ...wal, rpoMs } })
  return ask(backup, { DATABASE_URL: url }, { environment })
}

test('the age of the write-ahead log is asked of the server itself', async () => {
  const { host, port, user, password } = openLab().postgres
  const found = await check(`postgresql://${user}:${password}@${host}:${port}/postgres`)
  // The lab's server archives nothing.
  expect(found).toMatchObject({ result: 'fail', finding: expect.stringContaining('archive_mode is off') })
})

test('a server that archives: young, then idle, then unable to', async () => {
  const own = await startPostgres(openLab().postgres.binDir, ['archive_mode=on'])
  try {
    await set(own.primary, "archive_command = 'true'")
    await sql(own.primary, 'create table written (at timestamptz default now())')
    await sql(own.primary, 'select pg_switch_wal()')
    await archived(own.primary)
    expect((await check(own.primary)).result).toBe('pass')

    // No time is set after which what is written will have been archived: nothing is known of what came since.
    const rpoMs = 1_000
    await older(own.primary, rpoMs)
    expect((await check(own.primary, rpoMs)).result).toBe('fail')
    await set(own.primary, "archive_timeout = '1s'")
    await older(own.primary, rpoMs)
    expect(await check(own.primary, rpoMs)).toMatchObject({
      result: 'pass',
      finding: expect.stringContaining('nothing was written since'),
    })

    await set(own.primary, "archive_command = 'false'")
    // Again and again: the first may still be archived by the command of before.
    const write = ['insert into written default values', 'select pg_switch_wal()']
    await until(own.primary, 'last_failed_time > last_archived_time', write)
    expect(await check(own.primary)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('cannot archive'),
    })
  } finally {
    await own.stop()
  }
})

async function set(url: string, setting: string): Promise<void> {
  await sql(url, `alter system set ${setting}`)
  await sql(url, 'select pg_reload_conf()')
}

const archived = (url: string) => until(url, 'last_archived_wal is not null')
const older = (url: string, ms: number) =>
  until(url, `clock_timestamp() - last_archived_time > '${ms} ms'::interval`)

async function until(url: string, condition: string, meanwhile: string[] = []): Promise<void> {
  for (;;) {
    for (const statement of meanwhile) await sql(url, statement)
    const [row] = await sql<{ held: boolean }>(url, `select ${condition} as held from pg_stat_archiver`)
    if (row?.held) return
  }
}
