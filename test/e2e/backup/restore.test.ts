import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { dropDatabase } from '../../lab/tenancy.ts'
import { realPorts } from '../gate/ports.ts'
import { everyType } from './every-type.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene.close())

const confirmed = { confirm: 'staging' }

test('the newest backup takes the place of the live database, which is kept', async () => {
  await scene.sql(everyType)
  await scene.sql(`ALTER DATABASE "${scene.database}" SET search_path = "Odd ""schema"" é; DROP", public, pg_catalog;
    ALTER DATABASE "${scene.database}" SET app.note = 'it''s, kept'; ALTER DATABASE "${scene.database}" CONNECTION LIMIT 77;
    COMMENT ON DATABASE "${scene.database}" IS 'the live one'; REVOKE CONNECT ON DATABASE "${scene.database}" FROM PUBLIC`)
  succeeded(await scene.backUp())
  await scene.sql('DELETE FROM public.orders; DROP TABLE public.types CASCADE')

  const outcome = succeeded(await scene.restore(confirmed))
  expect(outcome.outputs).toMatchObject({
    rows: '1509',
    'restored-from': expect.stringMatching(/^file:.*\.dump\.zst$/),
    'kept-as': expect.stringMatching(new RegExp(`^${scene.database}_before_\\d{8}_\\d{6}$`)),
  })
  const kept = outcome.outputs['kept-as'] ?? ''
  expect(await scene.databases()).toEqual([scene.database, kept])
  expect(await scene.sql('SELECT count(*)::int AS n FROM public.orders')).toEqual([{ n: 1000 }])
  expect(await scene.sql('SELECT count(*)::int AS n FROM public.orders', kept)).toEqual([{ n: 0 }])
  expect(await scene.sql('SHOW search_path')).toEqual([
    { search_path: '"Odd ""schema"" é; DROP", public, pg_catalog' },
  ])
  expect(await scene.sql('SHOW app.note')).toEqual([{ 'app.note': "it's, kept" }])
  const properties = (name: string) =>
    scene.sql(
      `SELECT datconnlimit, pg_get_userbyid(datdba), shobj_description(oid, 'pg_database'), datcollate, has_database_privilege('pg_monitor', oid, 'CONNECT') FROM pg_database WHERE datname = '${name}'`,
    )
  expect(await properties(scene.database)).toEqual(await properties(kept))
  // Statistics must not depend on the first autovacuum.
  expect(await scene.sql("SELECT count(*)::int AS n FROM pg_stats WHERE tablename = 'orders'")).not.toEqual([
    { n: 0 },
  ])
})

test('a pool that keeps coming back finds a database of the live name at every moment', async () => {
  await scene.sql("CREATE TABLE t AS SELECT 'backed up' AS a")
  succeeded(await scene.backUp())
  await scene.sql("UPDATE t SET a = 'written since'")
  const pool = new pg.Pool({ connectionString: scene.url, max: 4 })
  pool.on('error', () => undefined)
  const [answers, errors, stop] = [[] as string[], [] as string[], new AbortController()]
  const asking = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      await pool.query<{ a: string }>('SELECT a FROM t').then(
        ({ rows }) => answers.push(rows[0]?.a ?? ''),
        (error: unknown) => errors.push((error as { code?: string }).code ?? String(error)),
      )
    }
  })
  succeeded(await scene.restore(confirmed))
  stop.abort()
  await Promise.all(asking)
  await pool.end()
  expect(answers[0]).toBe('written since')
  expect(answers.at(-1)).toBe('backed up')
  // Ended for the swap (57P01), or just waiting for it (3D000, once each): never refused for longer than that.
  expect(errors.filter(code => code === '3D000').length).toBeLessThanOrEqual(4)
})

test('a hold, another run, and a rollback that is unfinished keep it away; what it did is in the ledger', async () => {
  await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
  const { outputs } = succeeded(await scene.backUp())
  const since = '2026-01-01T00:00:00.000Z'
  const held = { by: 'ada', because: 'moving the database', since }
  scene.ledger.hold = held
  expect(await scene.restore(confirmed)).toMatchObject({ status: 'failure', reason: 'held' })
  succeeded(await scene.restore({ into: `${scene.database}-beside` }))
  scene.ledger.hold = null
  const database = { backup: '', live: '', restored: '', oid: '', kept: '', otherwise: 'r1' } as const
  scene.ledger.restoring = { from: 'r1', since, database }
  expect(await scene.restore(confirmed)).toMatchObject({
    reason: 'restore-failed',
    next: 'Finish it first: runbook settle staging',
  })
  scene.ledger.restoring = null

  // The hold comes while the backup is being restored: what was restored is dropped again.
  const log = { ...realPorts().log, info: () => void (scene.ledger.hold = held) }
  expect(await scene.restore(confirmed, { log })).toMatchObject({ status: 'failure', reason: 'held' })
  expect(await scene.databases()).toEqual([scene.database, `${scene.database}-beside`])
  scene.ledger.hold = null

  const kept = succeeded(await scene.restore(confirmed)).outputs['kept-as'] ?? 'none'
  expect(scene.ledger.acts).toEqual([
    {
      kind: 'restore-db',
      by: 'run 1',
      because: `${outputs['backup-uri'] ?? ''}; what was live is kept as ${kept}`,
      at: expect.any(String),
    },
  ])
  const gone = () => Promise.reject(new ToolError('no answer', { tool: 'Kubernetes API', hint: '' }))
  const warned: string[] = []
  const warn = (line: string) => void warned.push(line)
  const clock = { ...realPorts().clock, now: () => Date.now() + 60_000 }
  succeeded(await scene.restore(confirmed, { openTarget: gone, clock, log: { ...realPorts().log, warn } }))
  expect(warned.join()).toContain('a hold or a running deploy is not seen: no answer')
})

test('a named backup goes into a new database, and the live one is left alone', async () => {
  await scene.sql("CREATE TABLE t AS SELECT 'first' AS a")
  const first = succeeded(await scene.backUp())
  await scene.sql("UPDATE t SET a = 'second'")
  succeeded(await scene.backUp())
  const name = basename(first.outputs['backup-uri'] ?? '').slice(0, 'backup_20231201_143000'.length)
  const into = `${scene.database}-look`
  const outcome = succeeded(await scene.restore({ backup: name, into }))
  expect(outcome.outputs).toMatchObject({ 'kept-as': '', 'restored-from': first.outputs['backup-uri'] })
  expect(await scene.sql('SELECT a FROM t', into)).toEqual([{ a: 'first' }])
  expect(await scene.sql('SELECT a FROM t')).toEqual([{ a: 'second' }])
})

test('a database that was lost is made again from the object store', async () => {
  await scene.sql('CREATE TABLE t AS SELECT 42 AS a')
  const { outputs } = succeeded(await scene.backUp({ destination: `s3://${scene.bucket}/p` }))
  await dropDatabase(scene.lab, scene.database)
  const outcome = succeeded(await scene.restore({ ...confirmed, backup: outputs['backup-uri'] ?? '' }))
  expect(outcome.outputs).toMatchObject({ 'kept-as': '' })
  expect(await scene.sql('SELECT a FROM t')).toEqual([{ a: 42 }])
})

test('what a killed restore has left is named, and not touched', async () => {
  const leftover = `${scene.database}_restore_20260101_000000`
  await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
  await scene.sql(`CREATE DATABASE "${leftover}"`)
  await scene.sql(`CREATE DATABASE "${scene.database}_restore_by_hand"`)
  succeeded(await scene.backUp({ verify: 'none' }))
  const [key] = (await readdir(join(scene.folder, 'store'), { recursive: true })).filter(name =>
    name.endsWith('.dump.zst'),
  )
  const outcome = succeeded(await scene.restore({ ...confirmed, backup: `store/${key ?? ''}` }))
  expect(outcome.evidence.filter(({ tone }) => tone === 'warn').map(({ subject }) => subject)).toContain(
    leftover,
  )
  expect(await scene.databases()).toContain(leftover)
})

test('a path under ./backups is accepted, as the guide has it', async () => {
  await scene.sql('CREATE TABLE t AS SELECT 42 AS a')
  const { outputs } = succeeded(await scene.backUp())
  await rename(join(scene.folder, 'store'), join(scene.folder, 'backups'))
  const file = fileURLToPath(outputs['backup-uri'] ?? '')
  const path = join('./backups', basename(dirname(file)), basename(file))
  expect(succeeded(await scene.restore({ ...confirmed, backup: path, 'dry-run': 'true' })).reason).toBe(
    'dry-run',
  )
})

test('a name is looked for in ./backups too, when the store of the runbook does not have it', async () => {
  await scene.sql('CREATE TABLE t AS SELECT 42 AS a')
  const { outputs } = succeeded(await scene.backUp({ verify: 'none' }))
  await rename(join(scene.folder, 'store'), join(scene.folder, 'backups'))
  const name = basename(outputs['backup-uri'] ?? '').slice(0, 'backup_20231201_143000'.length)
  const outcome = succeeded(await scene.restore({ ...confirmed, backup: name, 'dry-run': 'true' }))
  expect(outcome.summary).toContain(`${scene.folder}/backups/`)
})

describe('is refused, and the live database stays as it is:', () => {
  beforeEach(async () => {
    await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
  })
  afterEach(async () => {
    expect(await scene.databases()).toEqual([scene.database])
    expect(await scene.sql('SELECT a FROM t')).toEqual([{ a: 1 }])
  })

  test.each([
    ['without confirm', {}, 'input-invalid', 'confirm'],
    ['another environment confirmed', { confirm: 'production' }, 'input-invalid', 'confirm'],
    [
      'a plain .sql',
      { ...confirmed, backup: 'backup_20231201_143000.sql' },
      'input-invalid',
      'plain SQL script',
    ],
    ['no backup at all', confirmed, 'restore-refused', 'no verified backup'],
    [
      'a name that is not there',
      { ...confirmed, backup: 'backup_20231201_143000' },
      'restore-refused',
      'no backup_20231201_143000',
    ],
    [
      'a hostile name',
      { ...confirmed, backup: '$(touch x);../../etc/passwd.dump' },
      'input-invalid',
      'backup',
    ],
    [
      'a foreign URI',
      { ...confirmed, backup: 'https://example.com/20231201/backup_20231201_143000_a_b.dump' },
      'input-invalid',
      'backup',
    ],
  ])('%s', async (_what, inputs, reason, words) => {
    const outcome = await scene.restore(inputs)
    expect(outcome).toMatchObject({ status: 'failure', reason })
    expect(outcome.summary).toContain(words)
    expect(outcome.next).not.toBe('')
  })

  test('a backup of another service, or of another environment', async () => {
    const { outputs } = succeeded(await scene.backUp())
    const uri = outputs['backup-uri'] ?? ''
    for (const [key, value] of [
      ['service', 'billing'],
      ['environment', 'production'],
    ] as const) {
      const other = uri.replace(
        key === 'service' ? '_runbook-api_' : '_staging.',
        key === 'service' ? `_${value}_` : `_${value}.`,
      )
      const from = fileURLToPath(uri)
      const to = fileURLToPath(other)
      await writeFile(to, await readFile(from))
      const manifest = JSON.parse(await readFile(from.replace(/dump\.zst$/, 'json'), 'utf8')) as Record<
        string,
        unknown
      >
      await writeFile(
        to.replace(/dump\.zst$/, 'json'),
        JSON.stringify({ ...manifest, [key]: value, key: other.split('/').slice(-2).join('/') }),
      )
      const outcome = await scene.restore({ ...confirmed, backup: other })
      expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-refused' })
      expect(outcome.summary).toContain(value)
    }
  })

  test('a backup that was damaged since', async () => {
    const { outputs } = succeeded(await scene.backUp())
    const file = fileURLToPath(outputs['backup-uri'] ?? '')
    const bytes = await readFile(file)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    await writeFile(file, bytes)
    const outcome = await scene.restore(confirmed)
    expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-untrusted' })
    expect(outcome.summary).toContain('damaged')
  })

  test('a database of the name given with into', async () => {
    succeeded(await scene.backUp())
    const outcome = await scene.restore({ into: scene.database })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-refused' })
  })

  test('a prepared transaction that keeps the live database from being renamed', async () => {
    succeeded(await scene.backUp())
    const [row] = await scene.sql<{ on: boolean }>(
      "SELECT current_setting('max_prepared_transactions')::int > 0 AS on",
    )
    if (row?.on !== true) return
    await scene.sql("BEGIN; INSERT INTO t VALUES (2); PREPARE TRANSACTION 'held'")
    const outcome = await scene.restore(confirmed)
    await scene.sql("ROLLBACK PREPARED 'held'")
    expect(outcome).toMatchObject({ status: 'failure', reason: 'restore-failed' })
  })
})
