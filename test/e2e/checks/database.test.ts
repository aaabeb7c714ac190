import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { migrations } from '../../../shared/checks/release/migrations.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { environmentAt } from '../gate/ports.ts'
import { database } from '../../../shared/checks/infrastructure/database.ts'
import { runChecks } from '../../../shared/checks/run.ts'
import { openLab } from '../../lab/lab.ts'
import { createDatabase, dropDatabase } from '../../lab/tenancy.ts'
import { ask, contextWith } from './context.ts'
import { sql as sqlAt, startPostgres, type OwnPostgres } from './own-postgres.ts'

const lab = openLab()
const name = `e2e_checks_${process.pid}`
const role = `e2e_checks_role_${process.pid}`
let url: URL

beforeAll(async () => {
  url = new URL(await createDatabase(lab, name))
  await sql(`CREATE ROLE ${role} LOGIN PASSWORD 'plain' CONNECTION LIMIT 3`)
})
afterAll(async () => {
  await dropDatabase(lab, name)
  await sql(`DROP ROLE ${role}`)
})

const sql = (statement: string) => sqlAt(lab.postgres.url, statement)

/** The lab's URL with something else in it. */
function but(change: (url: URL) => void): string {
  const changed = new URL(url)
  change(changed)
  return changed.href
}

type Said = Parameters<typeof resolveChecks>[1]

/** With what the runbook says to the check, and of the gate. */
function check(DATABASE_URL: string, said: Said = {}, disk = 2) {
  const environment = environmentAt('', { envFile: '.env', checks: resolveChecks(key => key, said) })
  return ask(
    database,
    { DATABASE_URL },
    { environment: { ...environment, gate: { ...environment.gate, disk } } },
  )
}

describe('the database check', () => {
  test('passes, and says which server it is and how many connections are left', async () => {
    const { result, finding } = await check(url.href)
    expect(result).toBe('pass')
    expect(finding).toMatch(
      new RegExp(
        `^PostgreSQL 1\\d\\.\\d+.* at 127.0.0.1:\\d+/${name}, .* \\d+ connections left, its disk is \\d+% full, .* free$`,
      ),
    )
  })

  test.each([
    ['a wrong password', (to: URL) => (to.password = 'wrong'), /password authentication failed/, /password/],
    ['a database that is not there', (to: URL) => (to.pathname = '/nope'), /does not exist/, /nope/],
    ['nothing at the port', (to: URL) => (to.port = '1'), /ECONNREFUSED/, /server runs/],
  ])('fails for %s, says so, and how to leave it out', async (_what, change, finding, remedy) => {
    const failing = check(but(change))
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(finding),
      hint: expect.stringMatching(remedy),
    })
    await expect(failing).rejects.toMatchObject({ hint: expect.stringContaining('add database to skip') })
    await expect(failing).rejects.not.toThrow(lab.postgres.password)
  })

  test('warns when few connections are left, and fails when none is', async () => {
    const asRole = but(to => {
      to.username = role
      to.password = 'plain'
    })
    expect(await check(asRole)).toMatchObject({ result: 'warn', finding: expect.stringContaining('only 2') })
    const others = await Promise.all(
      [1, 2, 3].map(async () => {
        const client = new pg.Client({ connectionString: asRole })
        await client.connect()
        return client
      }),
    )
    try {
      await expect(check(asRole)).rejects.toThrow('too many connections for role')
    } finally {
      await Promise.all(others.map(client => client.end()))
    }
  })

  test('fails for a database that takes no writes, and passes once the remedy was followed', async () => {
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    expect(await check(url.href)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('read-only'),
    })
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = off`)
    expect((await check(url.href)).result).toBe('pass')
  })

  test('fails for another version than the runbook wants, and for a disk that is too full', async () => {
    expect(await check(url.href, { database: { version: '>=9' } })).toMatchObject({ result: 'pass' })
    expect(await check(url.href, { database: { version: '>=99' } }, 0.000_001)).toMatchObject({
      result: 'fail',
      finding: expect.stringMatching(/is not >=99, as the runbook wants it; its disk is \d+% full/),
      remedy: expect.stringContaining('Make room on the disk'),
    })
  })

  test('ends at its deadline where packets are dropped', async () => {
    // TEST-NET-1 of RFC 5737: no machine is ever there.
    const context = contextWith({ DATABASE_URL: 'postgres://me:secret@192.0.2.1:5432/api' })
    const [report] = await runChecks([database], context, 300)
    expect(report?.result).toBe('fail')
    expect(report?.ms).toBeLessThan(1_000)
  })
})

describe('the database check of replicas', () => {
  let own: OwnPostgres
  beforeAll(async () => {
    own = await startPostgres(lab.postgres.binDir)
  })
  afterAll(() => own.stop())

  test('counts them, and fails at the replica itself and when one is missing', async () => {
    expect(await check(own.primary, { database: { replicas: 1 } })).toMatchObject({
      result: 'pass',
      finding: expect.stringContaining('1 replica,'),
    })
    expect(await check(own.primary, { database: { replicas: 2 } })).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('1 replica connected, of 2'),
    })
    expect(await check(own.replica)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('in recovery'),
    })
  })

  test('warns of one that is behind, until the remedy was followed', async () => {
    await sqlAt(own.replica, 'select pg_wal_replay_pause()')
    await sqlAt(own.primary, "create table filler as select repeat('x', 1000) from generate_series(1, 80000)")
    const behind = await check(own.primary)
    expect(behind).toMatchObject({
      result: 'warn',
      finding: expect.stringMatching(/replica walreceiver is behind by \d+\.\d MiB/),
    })
    const [remedy = ''] = /pg_wal_replay_resume/.exec(behind.remedy) ?? []
    await sqlAt(own.replica, `select ${remedy}()`)
    const [{ end } = { end: '' }] = await sqlAt<{ end: string }>(
      own.primary,
      'select pg_current_wal_lsn()::text as end',
    )
    const caughtUp = `select pg_last_wal_replay_lsn() >= '${end}' as done`
    while ((await sqlAt<{ done: boolean }>(own.replica, caughtUp))[0]?.done !== true);
    // What the primary knows of it comes with the replica's next word.
    const known = 'select replay_lsn >= flush_lsn as done from pg_stat_replication'
    while ((await sqlAt<{ done: boolean }>(own.primary, known))[0]?.done !== true);
    expect(await check(own.primary)).toMatchObject({ result: 'pass' })
  })
})

describe('the check of pending migrations', () => {
  const migrate = (...command: string[]) =>
    ask(
      migrations,
      { DATABASE_URL: url.href },
      {
        environment: environmentAt('', {
          envFile: '.env',
          checks: resolveChecks(key => key, { database: { migrations: command } }),
        }),
      },
    )
  // The table is what a migration would make; psql is told where by the env-file alone.
  const pending = ['sh', '-c', `psql "$DATABASE_URL" -tAc 'select 1 from migrated'`]

  test('fails while one is pending, with what the program said, and passes once it ran', async () => {
    expect(await migrate(...pending)).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('exit code 1'),
      detail: expect.stringContaining('relation "migrated" does not exist'),
    })
    await sqlAt(url.href, 'create table migrated ()')
    expect(await migrate(...pending)).toMatchObject({ result: 'pass' })
  })

  test('is no more than a warning when the release brings a Job', async () => {
    const payload = { kind: 'fake', objects: ['Job production/migrate'], body: {} }
    const checks = resolveChecks(key => key, { database: { migrations: ['false'] } })
    const said = { environment: environmentAt('', { checks }), payload: () => Promise.resolve(payload) }
    expect(await ask(migrations, {}, said)).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('the release brings Job production/migrate'),
    })
  })

  test('a program that is not there is named', async () => {
    await expect(migrate('no-such-program')).rejects.toMatchObject({
      hint: 'Install no-such-program, or put it on PATH.',
    })
  })
})
