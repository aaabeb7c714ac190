import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { newestBackup } from '../../../shared/backup/storage/catalog.ts'
import { openFileStore } from '../../../shared/backup/storage/file-store.ts'
import { openLab } from '../../lab/lab.ts'
import { sql, startPostgres, type OwnPostgres } from '../checks/own-postgres.ts'
import { readingAt } from '../../backup-store.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

/* Databases that reach beyond themselves: on servers of the test's own, which other tests do not share. */

let own: OwnPostgres
let scene: Scene
let url: string
let count = 0
beforeAll(async () => {
  own = await startPostgres(openLab().postgres.binDir, ['wal_level=logical'])
})
afterAll(() => own.stop())
beforeEach(async () => {
  scene = await openScene()
  url = await createDatabase(`shop${count++}`)
})
afterEach(() => scene.close())

async function createDatabase(name: string): Promise<string> {
  await sql(own.primary, `CREATE DATABASE ${name}`)
  return own.primary.replace(/postgres$/, name)
}

const backUp = (words: Record<string, string> = {}) => scene.backUp({ 'database-url': url, ...words })
const restore = (words: Record<string, string> = {}) =>
  scene.restore({ 'database-url': url, confirm: 'staging', backup: 'latest', ...words })
const findings = (outcome: { evidence: { subject: string; finding: string }[] }) =>
  outcome.evidence.map(({ subject, finding }) => `${subject}: ${finding}`).join('\n')
const manifest = () =>
  newestBackup(
    openFileStore(`${scene.folder}/store`),
    { service: 'runbook-api', environment: 'staging' },
    readingAt(Date.now()),
  )

const owners = `
  CREATE ROLE cdc SUPERUSER NOLOGIN;
  CREATE ROLE readers NOLOGIN; CREATE ROLE reporting NOLOGIN IN ROLE readers;
  CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL);
  INSERT INTO orders (state) SELECT 'open' FROM generate_series(1, 100);
  GRANT SELECT ON orders TO readers;
  CREATE MATERIALIZED VIEW report AS SELECT state, count(*) FROM orders GROUP BY 1;
  ALTER MATERIALIZED VIEW report OWNER TO reporting;
  CREATE FUNCTION note_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_notify(''schema'', ''changed''); END';
  CREATE EVENT TRIGGER watch_ddl ON ddl_command_end EXECUTE FUNCTION note_ddl();
  ALTER EVENT TRIGGER watch_ddl OWNER TO cdc;
  COMMENT ON EVENT TRIGGER watch_ddl IS 'reports changes of the schema';
  CREATE FOREIGN DATA WRAPPER w; ALTER FOREIGN DATA WRAPPER w OWNER TO cdc;
  CREATE PUBLICATION everything FOR ALL TABLES; ALTER PUBLICATION everything OWNER TO cdc;`

test('what a second superuser owns is verified; where it is none, restore-db stops and names it', async () => {
  await sql(url, owners)
  const outcome = succeeded(await backUp())
  expect(outcome.outputs['verified']).toBe('true')
  expect(findings(outcome)).toContain('left out: publication everything, event trigger watch_ddl')
  expect(findings(outcome)).toContain('not in the copy: foreign data wrapper w')
  succeeded(await backUp({ verify: 'same-server' }))
  succeeded(await restore({ into: 'scratch' }))
  expect((await manifest())?.manifest).toMatchObject({
    database: {
      beyond: {
        superuserOwned: [
          { kind: 'event trigger', name: 'watch_ddl', owner: 'cdc' },
          { kind: 'foreign-data wrapper', name: 'w', owner: 'cdc' },
        ],
      },
    },
  })

  // As on another server, where the role is an ordinary one. PostgreSQL lets a superuser lose the attribute.
  await sql(own.primary, 'ALTER ROLE cdc NOSUPERUSER')
  const refused = await restore()
  expect(refused).toMatchObject({ status: 'failure', reason: 'restore-refused' })
  expect(refused.summary).toContain('event trigger watch_ddl of cdc, foreign-data wrapper w of cdc')
  await sql(own.primary, 'ALTER ROLE cdc SUPERUSER')
  succeeded(await restore())
  expect(await sql(url, 'SELECT evtname, evtowner::regrole::text FROM pg_event_trigger')).toEqual([
    { evtname: 'watch_ddl', evtowner: 'cdc' },
  ])
})

test('a subscription is in no copy; after a restore the report says where it is, and how to move it', async () => {
  const publisher = await createDatabase('publisher')
  await sql(publisher, 'CREATE TABLE orders (id bigint PRIMARY KEY, state text NOT NULL)')
  await sql(publisher, `INSERT INTO orders SELECT g, 'open' FROM generate_series(1, 100) g`)
  await sql(publisher, 'CREATE PUBLICATION p FOR TABLE orders')
  await sql(publisher, `SELECT pg_create_logical_replication_slot('shop_s', 'pgoutput')`)
  await sql(url, 'CREATE TABLE orders (id bigint PRIMARY KEY, state text NOT NULL)')
  await sql(
    url,
    `CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=${new URL(publisher).port} user=postgres dbname=publisher'
       PUBLICATION p WITH (create_slot = false, slot_name = 'shop_s')`,
  )
  await sql(url, `COMMENT ON SUBSCRIPTION s IS 'the shop''s orders'`)
  await sql(url, `SELECT pg_create_logical_replication_slot('warehouse', 'pgoutput')`)
  await filled(100)

  succeeded(await backUp({ verify: 'same-server' }))
  succeeded(await backUp())
  succeeded(await restore({ into: 'scratch' }))
  succeeded(await restore({ into: 'scratch', 'verify-url': own.primary }))
  const outcome = succeeded(await restore())
  const kept = outcome.outputs['kept-as'] ?? ''
  expect(
    await sql(own.primary, `SELECT datname FROM pg_database WHERE datname LIKE 'runbook_verify%'`),
  ).toEqual([])
  expect(
    await sql(
      own.primary,
      'SELECT subname, datname FROM pg_subscription JOIN pg_database d ON d.oid = subdbid',
    ),
  ).toEqual([{ subname: 's', datname: kept }])
  expect(findings(outcome)).toContain(`${kept} still has it and goes on to read the slot shop_s`)
  expect(findings(outcome)).toContain(`replication slot warehouse: belongs to ${kept}`)

  // What the report says is done as it says.
  const keptUrl = own.primary.replace(/postgres$/, kept)
  const steps = /To move it, run in \S+: (.*?); then in/.exec(findings(outcome))?.[1] ?? ''
  for (const step of steps.split('; ')) await sql(keptUrl, step)
  const create = /CREATE SUBSCRIPTION "s" .*? WITH \([^)]*\)/.exec(findings(outcome))?.[0] ?? ''
  const connection = `'host=127.0.0.1 port=${new URL(publisher).port} user=postgres dbname=publisher'`
  await sql(url, create.replace("'...'", connection))
  await sql(publisher, `INSERT INTO orders VALUES (101, 'new')`)
  await filled(101)
  await sql(own.primary, `SELECT pg_drop_replication_slot('warehouse')`)
  await sql(own.primary, `DROP DATABASE "${kept}"`)

  async function filled(rows: number): Promise<void> {
    for (;;) {
      const [row] = await sql<{ n: number }>(url, 'SELECT count(*)::int AS n FROM orders')
      if (row?.n === rows) return
    }
  }
})

test('a view of another server is not filled in a copy, so that a copy asks no other server', async () => {
  const { port } = new URL(own.primary)
  const far = await createDatabase('far')
  await sql(far, 'CREATE TABLE stock AS SELECT 1 AS item')
  await sql(
    url,
    `CREATE EXTENSION postgres_fdw;
     CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '${port}', dbname 'far');
     CREATE USER MAPPING FOR postgres SERVER far OPTIONS (user 'postgres', password_required 'false');
     CREATE FOREIGN TABLE stock (item int) SERVER far;
     CREATE VIEW items AS SELECT item FROM stock;
     CREATE MATERIALIZED VIEW report AS SELECT * FROM items;
     CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM report`,
  )
  await sql(own.primary, 'DROP DATABASE far')
  const outcome = succeeded(await backUp())
  expect(findings(outcome)).toContain('rows of the materialized view public.report')
  expect(findings(outcome)).toContain('rows of the materialized view public.summary')
  succeeded(await backUp({ verify: 'same-server' }))
})
