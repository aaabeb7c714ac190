import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parseManifest } from '../../../shared/backup/storage/manifest.ts'
import { openScene, succeeded, type Scene } from './scene.ts'

let scene: Scene
beforeAll(async () => {
  scene = await openScene()
  await scene.sql(
    `CREATE SCHEMA audit; CREATE SCHEMA "Odd Name";
     CREATE TABLE users (id serial PRIMARY KEY, name text); INSERT INTO users (name) SELECT md5(i::text) FROM generate_series(1, 50) i;
     CREATE TABLE sessions AS SELECT i FROM generate_series(1, 70) i;
     CREATE TABLE audit.entries AS SELECT i FROM generate_series(1, 90) i; CREATE SEQUENCE audit.tickets;
     CREATE TABLE audit.notes (id int GENERATED ALWAYS AS IDENTITY, text text);
     CREATE TABLE "Odd Name"."a.b" AS SELECT 1 AS x;
     CREATE TABLE events (at date, n int) PARTITION BY RANGE (at);
     CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
     CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
     INSERT INTO events SELECT '2024-06-01'::date + i * 10, i FROM generate_series(1, 40) i;
     SELECT lo_from_bytea(0, 'large');`,
  )
})
afterAll(() => scene.close())

test.each<[string, Record<string, string>, Record<string, number>, number]>([
  ['schemas', { schemas: 'audit' }, { 'audit.entries': 90, 'audit.notes': 0 }, 2],
  [
    'all but a schema, a table and the rows of another',
    { 'exclude-schemas': 'aud*', 'exclude-tables': 'public.users', 'exclude-data': 'public.sessions' },
    { 'Odd Name.a.b': 1, 'public.events_2024': 21, 'public.events_2025': 19, 'public.sessions': 0 },
    0,
  ],
  [
    'all but an old partition',
    { 'exclude-data': 'public.events_2024' },
    { 'public.events_2024': 0, 'public.events_2025': 19, 'public.users': 50 },
    3,
  ],
  [
    'tables, with their partitions and sequences, and without the schemas that they are in',
    { tables: 'public.users, public.events audit.entries', 'large-objects': 'leave-out' },
    { 'audit.entries': 90, 'public.events_2024': 21, 'public.events_2025': 19, 'public.users': 50 },
    1,
  ],
])(
  '%s can be dumped, proved and restored',
  async (_what, inputs, expected, sequences) => {
    const outcome = succeeded(await scene.backUp(inputs))
    expect(outcome.outputs).toMatchObject({ verified: 'true' })
    expect(JSON.stringify(outcome.evidence)).toContain('this is a part of the database')
    const uri = outcome.outputs['backup-uri'] ?? ''
    const file = new URL(uri).pathname.replace('.dump.zst', '.json')
    const { contents } = parseManifest(file, readFileSync(file, 'utf8'), { keys: [] }).manifest
    const rows = Object.fromEntries(contents.tables.map(each => [`${each.schema}.${each.table}`, each.rows]))
    expect(rows).toMatchObject(expected)
    expect(contents.sequences).toHaveLength(sequences)
    expect(contents.largeObjects.count).toBe(inputs['large-objects'] ? 0 : 1)

    const refused = await scene.restore({ backup: uri, confirm: scene.environment.name })
    expect(refused).toMatchObject({ status: 'failure', reason: 'restore-refused' })
    const into = `${scene.database}-${String(Object.keys(expected).length)}${String(sequences)}`
    succeeded(await scene.restore({ backup: uri, into }))
  },
  60_000,
)

test('a part is never the latest backup', async () => {
  const outcome = await scene.restore({ into: `${scene.database}-latest` })
  expect(outcome.summary).toContain('no verified backup')
})

test.each([
  [{ tables: 'public.user' }, 'matches nothing'],
  [{ tables: 'users' }, 'public.users'],
  [{ schemas: 'Audit' }, 'Upper and lower case count'],
])('%j is refused, and nothing is stored', async (inputs, words) => {
  const store = join(scene.folder, 'store')
  const before = readdirSync(store, { recursive: true }).length
  const outcome = await scene.backUp(inputs)
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(`${outcome.summary} ${outcome.next}`).toContain(words)
  expect(readdirSync(store, { recursive: true })).toHaveLength(before)
})
