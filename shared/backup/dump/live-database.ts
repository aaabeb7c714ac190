import { parseStamp } from '../storage/keys.ts'
import {
  connect,
  quoteIdentifier,
  quoteLiteral,
  sqlState,
  type PostgresSession,
} from '../../integrations/database/postgres.ts'
import { withDatabase, type PostgresServer } from '../../integrations/database/postgres-url.ts'

/** What belongs to a database as a whole, which no dump of it carries. */
export interface DatabaseProperties {
  owner: string
  /** As ALTER DATABASE ... CONNECTION LIMIT has it; -1 for none. */
  connectionLimit: number
  comment: string | null
  /** ALTER DATABASE ... SET and ALTER ROLE ... IN DATABASE ... SET; an empty role stands for every role. */
  settings: { role: string; name: string; value: string }[]
  /** Undefined when the rights are the default ones. An empty grantee is PUBLIC. */
  grants: { grantee: string; privilege: string; grantable: boolean }[] | undefined
}

/**
 * Opens a session beside the database, from where it can be renamed or dropped.
 * @throws ToolError when neither `postgres` nor `template1` lets us in
 */
export async function connectBeside(server: PostgresServer, signal: AbortSignal): Promise<PostgresSession> {
  const beside = ['postgres', 'template1'].filter(name => name !== server.database)
  for (const [index, name] of beside.entries()) {
    try {
      return await connect(withDatabase(server, name), { signal })
    } catch (error) {
      // 3D000: it does not exist; 42501: no right to connect to it.
      if (index === beside.length - 1 || !['3D000', '42501'].includes(sqlState(error))) throw error
    }
  }
  throw new Error('no database was tried')
}

/** The oid of a database, or undefined when there is none of that name. */
export async function findDatabase(session: PostgresSession, name: string): Promise<string | undefined> {
  const [row] = await session.rows<{ oid: string }>(
    'SELECT oid::text FROM pg_catalog.pg_database WHERE datname = $1',
    [name],
  )
  return row?.oid
}

/** Databases of one name and a time: what restores that were killed have left, under `name_restore_`. */
export async function findStamped(session: PostgresSession, prefix: string): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    'SELECT datname AS name FROM pg_catalog.pg_database WHERE starts_with(datname, $1) ORDER BY 1',
    [prefix],
  )
  return rows.map(({ name }) => name).filter(name => parseStamp(name.slice(prefix.length)) !== undefined)
}

/** Reads the properties of an existing database. */
export async function readProperties(
  session: PostgresSession,
  database: string,
): Promise<DatabaseProperties> {
  const [row] = await session.rows<{ owner: string; limit: number; comment: string | null; plain: boolean }>(
    `SELECT pg_get_userbyid(datdba) AS owner, datconnlimit AS limit, shobj_description(oid, 'pg_database') AS comment,
            datacl IS NULL AS plain
       FROM pg_catalog.pg_database WHERE datname = $1`,
    [database],
  )
  const settings = await session.rows<{ role: string; setting: string }>(
    `SELECT CASE s.setrole WHEN 0 THEN '' ELSE pg_get_userbyid(s.setrole) END AS role, unnest(s.setconfig) AS setting
       FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase WHERE d.datname = $1`,
    [database],
  )
  const grants = await session.rows<{ grantee: string; privilege: string; grantable: boolean }>(
    `SELECT CASE a.grantee WHEN 0 THEN '' ELSE pg_get_userbyid(a.grantee) END AS grantee,
            a.privilege_type AS privilege, a.is_grantable AS grantable
       FROM pg_catalog.pg_database d, aclexplode(d.datacl) a WHERE d.datname = $1`,
    [database],
  )
  return {
    owner: row?.owner ?? '',
    connectionLimit: row?.limit ?? -1,
    comment: row?.comment ?? null,
    settings: settings.map(({ role, setting }) => {
      const equals = setting.indexOf('=')
      return { role, name: setting.slice(0, equals), value: setting.slice(equals + 1) }
    }),
    grants: row?.plain === false ? grants : undefined,
  }
}

/** Gives a database the properties of another one. All of them, or none. */
export async function applyProperties(
  session: PostgresSession,
  database: string,
  { owner, connectionLimit, comment, settings, grants }: DatabaseProperties,
): Promise<void> {
  const target = `DATABASE ${quoteIdentifier(database)}`
  await session.rows('BEGIN')
  try {
    await session.rows(`ALTER ${target} OWNER TO ${quoteIdentifier(owner)}`)
    await session.rows(`ALTER ${target} CONNECTION LIMIT ${connectionLimit}`)
    if (comment !== null) await session.rows(`COMMENT ON ${target} IS ${quoteLiteral(comment)}`)
    if (grants) {
      await session.rows(`REVOKE ALL ON ${target} FROM PUBLIC`)
      for (const { grantee, privilege, grantable } of grants) {
        const to = grantee === '' ? 'PUBLIC' : quoteIdentifier(grantee)
        await session.rows(`GRANT ${privilege} ON ${target} TO ${to}${grantable ? ' WITH GRANT OPTION' : ''}`)
      }
    }
    for (const { role, name, value } of settings) {
      // Through the session, because a list like search_path would need quoting of its own kind.
      await session.rows('SELECT set_config($1, $2, true)', [name, value])
      const whose = role === '' ? target : `ROLE ${quoteIdentifier(role)} IN ${target}`
      const setting = name.split('.').map(quoteIdentifier).join('.')
      await session.rows(`ALTER ${whose} SET ${setting} FROM CURRENT`)
    }
    await session.rows('COMMIT')
  } catch (error) {
    await session.rows('ROLLBACK').catch(() => undefined)
    throw error
  }
}
