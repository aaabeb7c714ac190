import type { Lab } from '../lab/lab.ts'
import { createDatabase, dropDatabase } from '../lab/tenancy.ts'
import { mustRun } from './program.ts'
import { join } from 'node:path'

/**
 * Rows like those of a service: accounts, orders, events with JSON, and texts of many words. They fill 1.5 GB with their
 * indexes, and compress to a fifth, as the dumps of such services do.
 */
const rows = String.raw`
SET synchronous_commit = off;
CREATE TABLE words AS SELECT i AS id, substr(md5(i::text), 1, 3 + i % 8) AS word FROM generate_series(0, 4095) i;
CREATE TABLE users AS SELECT i::bigint AS id, 'user' || i || '@example.com' AS email, 'Name ' || md5(i::text) AS name,
  now() - i * interval '1 second' AS created_at, i % 7 <> 0 AS active, md5(i::text)::uuid AS token
  FROM generate_series(1, 1000000) i;
CREATE TABLE orders AS SELECT i::bigint AS id, (i::bigint * 7919 % 1000000) + 1 AS user_id, (i % 100000)::numeric / 100 AS total,
  (ARRAY['new', 'paid', 'shipped', 'returned'])[i % 4 + 1] AS status, now() - i * interval '1 second' AS placed_at,
  CASE WHEN i % 5 = 0 THEN 'leave at the door number ' || i END AS note FROM generate_series(1, 4000000) i;
CREATE TABLE events AS SELECT i::bigint AS id, i * 31 % 1000000 AS user_id, (ARRAY['login', 'view', 'click', 'buy'])[i % 4 + 1] AS kind,
  now() - i * interval '1 second' AS at, jsonb_build_object('path', '/api/v1/items/' || i % 9973, 'ms', i % 997,
  'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'trace', md5(i::text)) AS payload FROM generate_series(1, 3000000) i;
CREATE TABLE documents AS SELECT d AS id, 'Title ' || d AS title, (SELECT string_agg(w.word, ' ') FROM generate_series(1, 150) k
  JOIN words w ON w.id = (d * 1103515245::bigint + k * k * 12345) % 4096) AS body FROM generate_series(1, 200000) d;
ALTER TABLE users ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE INDEX ON orders (user_id);
CREATE INDEX ON events (at);
ALTER TABLE documents ADD PRIMARY KEY (id);
VACUUM ANALYZE;
`

/** A database of 1.5 GB on the lab's server. */
export interface LargeDatabase {
  url: string
  /** For PostgreSQL's own programs. */
  env: Record<string, string | undefined>
  bytes: number
  psql(sql: string, database?: string): Promise<string>
  drop(): Promise<void>
}

/** Makes the database, which takes a minute. */
export async function createLargeDatabase(lab: Lab, name: string): Promise<LargeDatabase> {
  const { host, port, user, password, binDir } = lab.postgres
  const env = {
    PATH: `${binDir}:${process.env['PATH'] ?? ''}`,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: name,
  }
  const url = await createDatabase(lab, name)
  const psql = async (sql: string, database = name) => {
    const ran = await mustRun(join(binDir, 'psql'), ['-XqtA', '-v', 'ON_ERROR_STOP=1', '-d', database], {
      env,
      stdin: sql,
    })
    return ran.lines.map(({ text }) => text).join('\n')
  }
  await psql(rows)
  const bytes = Number(await psql('SELECT pg_database_size(current_database())'))
  return { url, env, bytes, psql, drop: () => dropDatabase(lab, name) }
}
