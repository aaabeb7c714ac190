import { connect, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { ToolError } from '../../outcome/errors.ts'
import { readBeyondDatabase } from './beyond-database.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'
import { readRoles } from '../restore/roles.ts'

/** Oldest server that the hashes of rows and the partition functions are known on. */
const oldestMajor = 12

/** One instant of a database, held open so that others can look at the same. */
export interface Snapshot {
  session: PostgresSession
  /** For `pg_dump --snapshot`. */
  id: string
  server: { major: number; version: string }
  database: DatabaseFacts
  close(): Promise<void>
}

/** Opens a read-only transaction on one instant of the database and exports it. */
export async function openSnapshot(server: PostgresServer, signal: AbortSignal): Promise<Snapshot> {
  const session = await connect(server, { signal })
  try {
    const version = await readVersion(session)
    await beginReading(session)
    const [exported] = await session.rows<{ id: string }>('SELECT pg_export_snapshot() AS id')
    const database = await readDatabase(session)
    return { session, id: exported?.id ?? '', server: version, database, close: () => session.close() }
  } catch (error) {
    await session.close()
    throw error
  }
}

/**
 * Begins a transaction that reads one instant. In it values look the same from every session, whatever the defaults of
 * server, database and role, and no time limit of theirs ends a long read. The settings end with the transaction, so that
 * nothing of them stays on a connection that a pooler gives to another client.
 */
export async function beginReading(session: PostgresSession): Promise<void> {
  // Only those that the server has: transaction_timeout came with 17, the restriction with the releases of August 2024.
  const settings = {
    search_path: '',
    DateStyle: 'ISO, YMD',
    IntervalStyle: 'postgres',
    TimeZone: 'UTC',
    extra_float_digits: '1',
    bytea_output: 'hex',
    lc_monetary: 'C',
    xmlbinary: 'base64',
    // Rows hidden by a policy are an error, as they are for pg_dump, and never left out in silence.
    row_security: 'off',
    // A table that is replaced by a view meanwhile would run its owner's code with our rights (CVE-2024-7348).
    restrict_nonsystem_relation_kind: 'view, foreign-table',
    statement_timeout: '0',
    lock_timeout: '0',
    idle_in_transaction_session_timeout: '0',
    transaction_timeout: '0',
  }
  await session.rows('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
  await session.rows(
    `SELECT pg_catalog.set_config(name, wanted.value, true)
       FROM pg_catalog.json_each_text($1::json) AS wanted(name, value) JOIN pg_catalog.pg_settings USING (name)`,
    [JSON.stringify(settings)],
  )
}

/** @throws ToolError for a server that is too old */
export async function readVersion(session: PostgresSession): Promise<{ major: number; version: string }> {
  const [row] = await session.rows<{ number: string; version: string }>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS version`,
  )
  const major = Math.floor(Number(row?.number) / 10_000)
  if (major >= oldestMajor) return { major, version: (row?.version ?? '').split(' ')[0] ?? '' }
  throw new ToolError(
    `The server is PostgreSQL ${row?.version ?? 'of an unknown version'}; ${oldestMajor} is the oldest that is supported`,
    {
      tool: 'PostgreSQL',
      hint: `Upgrade the server to ${oldestMajor} or newer.`,
    },
  )
}

/** Reads what a dump does not carry of the database that the session is in. */
export async function readDatabase(session: PostgresSession): Promise<DatabaseFacts> {
  const [row] = await session.rows<{
    row: Record<string, string | null>
    encoding: string
    owner: string
    size: string
    relations: number
  }>(
    `SELECT to_jsonb(d) AS row, pg_encoding_to_char(d.encoding) AS encoding,
            pg_get_userbyid(d.datdba) AS owner, pg_database_size(d.oid)::text AS size,
            (SELECT count(*)::int FROM pg_catalog.pg_class) AS relations
       FROM pg_catalog.pg_database d WHERE d.datname = current_database()`,
  )
  const extensions = await session.rows<{ name: string; version: string; schema: string }>(
    `SELECT e.extname AS name, e.extversion AS version, n.nspname AS schema
       FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY 1`,
  )
  const roles = await session.rows<{ name: string }>(
    `SELECT DISTINCT r.rolname AS name
       FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_shdepend s ON s.refobjid = r.oid
       JOIN pg_catalog.pg_database d ON d.oid = s.dbid
      WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND d.datname = current_database()
        AND r.rolname !~ '^pg_' ORDER BY 1`,
  )
  const [first] = await session.rows<{ name: string }>(
    'SELECT rolname AS name FROM pg_catalog.pg_roles WHERE oid = 10',
  )
  // The column of an ICU locale was renamed in 17, when the built-in provider came.
  const facts = row?.row ?? {}
  return {
    name: facts['datname'] ?? '',
    owner: row?.owner ?? '',
    encoding: row?.encoding ?? '',
    collate: facts['datcollate'] ?? '',
    ctype: facts['datctype'] ?? '',
    provider: facts['datlocprovider'] ?? 'c',
    locale: facts['datlocale'] ?? facts['daticulocale'] ?? '',
    extensions,
    roles: roles.map(({ name }) => name),
    globals: await readRoles(
      session,
      roles.map(({ name }) => name),
    ),
    superuser: first?.name ?? 'postgres',
    beyond: await readBeyondDatabase(session),
    relations: row?.relations ?? 0,
    size: Number(row?.size ?? 0),
    instant: await readInstant(session),
  }
}

/** An identity that may not be read is left empty: then nothing is compared by it. */
async function readInstant(session: PostgresSession): Promise<DatabaseFacts['instant']> {
  const [row] = await session.rows<{ snapshot: string; may: boolean }>(
    `SELECT txid_current_snapshot()::text AS snapshot,
            has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may`,
  )
  const [found] = row?.may
    ? await session.rows<{ system: string }>(
        'SELECT system_identifier::text AS system FROM pg_control_system()',
      )
    : []
  return { snapshot: row?.snapshot ?? '', system: found?.system ?? '' }
}
