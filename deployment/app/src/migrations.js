import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'

/** Any number will do, as long as every version of this service uses the same one. */
const ADVISORY_LOCK = 7_274_001

/** @typedef {{version: number, name: string, sql: string, checksum: string}} Migration */

/**
 * Reads `NNN_what_it_does.sql` files in order.
 * @param {URL} folder with a closing slash
 * @returns {Promise<Migration[]>}
 */
export async function readMigrations(folder) {
  const names = (await readdir(folder)).filter(name => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number(/^(\d{3})_\w+\.sql$/.exec(name)?.[1])
      if (version !== index + 1) {
        throw new Error(
          `migrations/${name}: expected number ${String(index + 1).padStart(3, '0')}, as in 001_what_it_does.sql`,
        )
      }
      const sql = await readFile(new URL(name, folder), 'utf8')
      return { version, name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/**
 * What is still to run. A database that is ahead of this version is fine: every migration keeps the version before it
 * working, and that is what a rollback relies on.
 * @param {Migration[]} migrations
 * @param {{version: number, checksum: string}[]} applied
 * @throws when an applied file was edited afterwards: what it did cannot be done again
 */
export function pendingMigrations(migrations, applied) {
  const checksums = new Map(applied.map(({ version, checksum }) => [version, checksum]))
  const edited = migrations.find(({ version, checksum }) => (checksums.get(version) ?? checksum) !== checksum)
  if (edited)
    throw new Error(`migrations/${edited.name} was edited after it was applied: add a new file instead`)
  return migrations.filter(({ version }) => !checksums.has(version))
}

/**
 * Brings the schema up to date. Each migration runs once, in a transaction of its own; several processes that start
 * together take turns.
 * @param {{database: import('./database.js').Database, migrations: Migration[], log: import('./log.js').Log}} ports
 * @returns {Promise<string[]>} the names of those that ran
 */
export async function migrate({ database, migrations, log }) {
  return database.session(async client => {
    await client.query(`SET lock_timeout = '60s'`)
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
      version integer PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`)
    const { rows: applied } = await client.query('SELECT version, checksum FROM schema_migrations')
    const pending = pendingMigrations(migrations, applied)
    // A change of a table waits for the sessions that use it, and all others then wait behind it: give up soon.
    await client.query(`SET lock_timeout = '5s'`)
    for (const migration of pending) await apply(client, migration, log)
    return pending.map(({ name }) => name)
  })
}

/**
 * @param {import('pg').ClientBase} client
 * @param {Migration} migration
 * @param {import('./log.js').Log} log
 */
async function apply(client, { version, name, sql, checksum }, log) {
  const started = performance.now()
  await client.query('BEGIN')
  try {
    await client.query(sql)
    await client.query('INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)', [
      version,
      name,
      checksum,
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    const { message, code } = /** @type {Error & {code?: string}} */ (error)
    const what = `migrations/${name} failed, nothing of it was kept: ${message}`
    throw Object.assign(new Error(what, { cause: error }), { code })
  }
  log.info('migration applied', { migration: name, durationMs: Math.round(performance.now() - started) })
}
