import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { newestBackup } from '../../../shared/backup/storage/catalog.ts'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { everyType } from './every-type.ts'
import { showVerifyingKey } from '../../../shared/config/verifying-key.ts'
import { makeKeyPair, readingAt } from '../../backup-store.ts'
import { noise, openScene, succeeded, type Scene } from './scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await openScene()
})
afterEach(() => scene.close())

test('every common type and odd name comes back from a file store, compared row for row', async () => {
  await scene.sql(everyType)
  const outcome = succeeded(await scene.backUp())
  expect(outcome).toMatchObject({ status: 'success', reason: 'done' })
  expect(outcome.outputs).toMatchObject({
    tables: '8',
    verified: 'true',
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  })

  const file = fileURLToPath(outcome.outputs['backup-uri'] ?? '')
  const { mode, size } = await stat(file)
  expect([mode & 0o777, String(size)]).toEqual([0o600, outcome.outputs['bytes']])
  expect(file).toMatch(/\/\d{8}\/backup_\d{8}_\d{6}_runbook-api_staging\.dump\.zst$/)
  expect(await readdir(join(scene.folder))).toEqual(['store'])

  const newest = await newestBackup(
    openFileStore(join(scene.folder, 'store')),
    { service: 'runbook-api', environment: 'staging' },
    readingAt(Date.now()),
  )
  const manifest = newest?.manifest
  expect(manifest).toMatchObject({ verified: { how: 'restore' }, contents: { largeObjects: { count: 2 } } })
  expect(JSON.stringify(manifest)).not.toContain(scene.lab.postgres.password)
  const rows = Object.fromEntries((manifest?.contents.tables ?? []).map(({ table, rows }) => [table, rows]))
  expect(rows).toEqual({
    types: 2,
    [String.raw`table 'with' \ everything`]: 3,
    no_columns: 1,
    events: 500,
    parent: 1,
    child: 1,
    volatile_rows: 1,
    orders: 1000,
  })
})

test('the same goes through an object store, in several parts', async () => {
  await scene.sql(everyType)
  await scene.sql(noise(2_000))
  const outcome = succeeded(await scene.backUp({ destination: `s3://${scene.bucket}/some/prefix/` }))
  expect(outcome).toMatchObject({ status: 'success', outputs: { tables: '9', verified: 'true' } })
  expect(Number(outcome.outputs['bytes'])).toBeGreaterThan(16 * 2 ** 20)
  expect(outcome.outputs['backup-uri']).toMatch(
    new RegExp(`^s3://${scene.bucket}/some/prefix/\\d{8}/backup_`),
  )
})

test('what a restore shows in another way is the same: columns of an inherited table, and floats that are no number', async () => {
  await scene.sql(
    `CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);
     ALTER TABLE parent ADD COLUMN c int; INSERT INTO child (a, b, c) VALUES (1, 2, 3);
     CREATE TABLE floats AS SELECT 'Infinity'::float8 - 'Infinity'::float8 AS f8, 'Infinity'::float4 - 'Infinity'::float4 AS f4`,
  )
  expect(succeeded(await scene.backUp())).toMatchObject({ outputs: { tables: '3', verified: 'true' } })
})

test('what is written meanwhile belongs to the next backup', async () => {
  await scene.sql(
    'CREATE TABLE counters (id int PRIMARY KEY, n bigint); INSERT INTO counters SELECT i, 0 FROM generate_series(1, 5000) i; CREATE SEQUENCE s',
  )
  const stop = new AbortController()
  const writing = (async () => {
    let writes = 0
    while (!stop.signal.aborted) {
      await scene.sql(
        `UPDATE counters SET n = n + 1; INSERT INTO counters SELECT nextval('s') + 10000, 1; DELETE FROM counters WHERE id = ${writes}`,
      )
      writes++
    }
    return writes
  })()
  const outcome = succeeded(await scene.backUp())
  stop.abort()
  expect(await writing).toBeGreaterThan(1)
  expect(outcome).toMatchObject({ status: 'success', outputs: { verified: 'true' } })
})

test('the server itself is restored into when that is asked for, and left as it was', async () => {
  await scene.sql(everyType)
  const before = await scene.databases()
  const outcome = succeeded(await scene.backUp({ verify: 'same-server' }))
  expect(outcome).toMatchObject({ status: 'success', outputs: { verified: 'true' } })
  expect(JSON.stringify(outcome.evidence)).toContain('scratch database on 127.0.0.1')
  expect(await scene.databases()).toEqual(before)
})

test('a server that is not said to be the same one is not restored into', async () => {
  const inputs = { 'verify-url': scene.lab.postgres.url.replace('127.0.0.1', 'localhost') }
  const outcome = await scene.backUp(inputs)
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(outcome.summary).toContain('leads to the server that is backed up')
  expect(outcome.next).toContain('same-server')
})

test("the user's own query is asked of the dumped instant and of the restore", async () => {
  // Names without a schema mean what they mean to the user of the backup, also where the restore has another one.
  await scene.sql(
    `CREATE SCHEMA app; CREATE TABLE app.users AS SELECT i, i * 1.5 AS n FROM generate_series(1, 321) i;
     ALTER DATABASE "${scene.database}" SET search_path = app, public`,
  )
  const one = succeeded(await scene.backUp({ 'verify-query': 'SELECT COUNT(*) FROM users;' }))
  expect(JSON.stringify(one.evidence)).toContain('321; and so does what was restored')
  const rows = succeeded(await scene.backUp({ 'verify-query': 'WITH u AS (TABLE users) SELECT * FROM u' }))
  expect(JSON.stringify(rows.evidence)).toContain('321 rows')
  const other = await scene.backUp({ 'verify-query': 'SELECT current_database(), pg_backend_pid()' })
  expect(other).toMatchObject({ status: 'failure', reason: 'backup-unverified', outputs: {} })
  const wrong = await scene.backUp({ 'verify-query': 'SELECT COUNT(*) FROM customers' })
  expect(wrong).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(wrong.summary).toContain('relation "customers" does not exist')
  const writes = await scene.backUp({ 'verify-query': 'DELETE FROM users' })
  expect(writes).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(await scene.sql('SELECT count(*)::int AS n FROM app.users')).toEqual([{ n: 321 }])
})

test.each([
  ['list', 'that the rows can be restored is not proved'],
  ['none', 'nothing is proved'],
])('verify: %s says what it did not prove, and is not counted as verified', async (verify, words) => {
  await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
  const outcome = succeeded(await scene.backUp({ verify }))
  expect(outcome).toMatchObject({ status: 'success', outputs: { verified: 'false' } })
  expect(JSON.stringify(outcome.evidence)).toContain(words)
  const store = openFileStore(join(scene.folder, 'store'))
  expect(
    await newestBackup(store, { service: 'runbook-api', environment: 'staging' }, readingAt(Date.now())),
  ).toBeUndefined()
})

test('a server that lacks the roles is told how to make them, as they were and without passwords', async () => {
  const [owner, group] = [`owner_${scene.database.slice(-8)}`, `group_${scene.database.slice(-8)}`]
  await scene.sql(
    `CREATE ROLE "${group}" NOLOGIN; CREATE ROLE "${owner}" LOGIN CREATEDB CONNECTION LIMIT 3 PASSWORD 'not-in-a-backup' IN ROLE "${group}";
     CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO "${owner}"`,
  )
  const into = `${scene.database}-new`
  try {
    const own = makeKeyPair()
    const unsigned = succeeded(await scene.backUp({ verify: 'list' })).outputs['backup-uri'] ?? ''
    const words = { verify: 'list', 'signing-key': own.pem }
    const backup = succeeded(await scene.backUp(words)).outputs['backup-uri'] ?? ''
    await scene.sql(`DROP OWNED BY "${owner}"; DROP ROLE "${owner}", "${group}"`)
    // What roles may do is not taken from what every holder of the store's keys could have written.
    const guarded = await scene.restore({ backup: unsigned, into })
    expect(guarded).toMatchObject({ status: 'failure', reason: 'restore-refused' })
    expect(guarded.next).not.toContain('CREATEDB')
    expect(guarded.next).toContain(`CREATE ROLE "${owner}" NOLOGIN`)
    Object.assign(scene.environment.backup ?? {}, { signedBy: [showVerifyingKey(own)] })
    const refused = await scene.restore({ backup, into })
    expect(refused).toMatchObject({ status: 'failure', reason: 'restore-refused' })
    expect(refused.next).toContain('CONNECTION LIMIT 3')
    expect(refused.next).not.toContain('not-in-a-backup')
    await scene.sql(refused.next.slice(refused.next.indexOf('CREATE ROLE')))
    succeeded(await scene.restore({ backup, into }))
    const [role] = await scene.sql<{ createdb: boolean; member: boolean }>(
      `SELECT rolcreatedb AS createdb, pg_has_role('${owner}', '${group}', 'MEMBER') AS member FROM pg_roles WHERE rolname = '${owner}'`,
    )
    expect(role).toEqual({ createdb: true, member: true })
  } finally {
    await scene.sql(`DROP DATABASE IF EXISTS "${into}"`)
    await scene.sql(`DROP OWNED BY "${owner}"; DROP ROLE "${owner}", "${group}"`)
  }
})

test('a dry run writes nothing', async () => {
  const outcome = succeeded(await scene.backUp({ 'dry-run': 'true' }))
  expect(outcome).toMatchObject({ status: 'success', reason: 'dry-run' })
  expect(await readdir(scene.folder)).toEqual([])
})

test('the manifest says what is needed to restore without this suite', async () => {
  await scene.sql('CREATE TABLE t AS SELECT 1 AS a')
  const outcome = succeeded(await scene.backUp())
  const file = fileURLToPath(outcome.outputs['backup-uri'] ?? '').replace(/dump\.zst$/, 'json')
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
    format: 'pg_dump custom',
    sha256: outcome.outputs['sha256'],
    bytes: Number(outcome.outputs['bytes']),
    database: { name: scene.database, encoding: 'UTF8' },
    contents: { tables: [{ schema: 'public', table: 't', rows: 1 }] },
  })
})
