import { randomBytes } from 'node:crypto'
import { quoteIdentifier, quoteLiteral, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'

/** Roles whose members reach the machine of the server (PostgreSQL: Predefined Roles). */
const reachingRoles = ['pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files']

/**
 * What the role that fills a copy may do besides. `row-security`: it sees all rows, whatever policies say, which are part of
 * the copy. `none`: nothing.
 */
export type Bypass = 'row-security' | 'none'

/** Whether code that runs as the session's user could reach the machine of the server, or other users' data. */
export async function isPowerful(session: PostgresSession): Promise<boolean> {
  const [row] = await session.rows<{ powerful: boolean }>(
    `SELECT r.rolsuper OR EXISTS (SELECT 1 FROM pg_catalog.pg_roles p
              WHERE p.rolname = ANY ($1) AND pg_has_role(current_user, p.oid, 'MEMBER')) AS powerful
       FROM pg_catalog.pg_roles r WHERE r.rolname = current_user`,
    [reachingRoles],
  )
  return row?.powerful === true
}

/** Makes a role that owns nothing and is in no group, with a password of its own. @returns how the server is reached as it */
export async function createRestrictedRole(
  session: PostgresSession,
  server: PostgresServer,
  name: string,
  bypass: Bypass,
): Promise<PostgresServer> {
  const password = randomBytes(18).toString('base64url')
  await session.rows(
    `CREATE ROLE ${quoteIdentifier(name)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
       ${bypass === 'row-security' ? 'BYPASSRLS' : 'NOBYPASSRLS'} PASSWORD ${quoteLiteral(password)}`,
  )
  return { ...server, user: name, password, options: '' }
}

/**
 * Lets a role fill an empty database, and no other role connect to it.
 * @param session with that database, as a superuser
 */
export async function grantDatabase(session: PostgresSession, database: string, role: string): Promise<void> {
  const [to, on] = [quoteIdentifier(role), quoteIdentifier(database)]
  await session.rows(`REVOKE ALL ON DATABASE ${on} FROM PUBLIC`)
  await session.rows(`GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${on} TO ${to}`)
  await session.rows(`ALTER SCHEMA public OWNER TO ${to}`)
}
