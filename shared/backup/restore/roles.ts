import { quoteIdentifier, quoteLiteral, type PostgresSession } from '../../integrations/database/postgres.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'

/** A role as CREATE ROLE makes it again: all of it but its password, which no backup of ours carries. */
export type Role = NonNullable<DatabaseFacts['globals']>[number]

/** Reads roles, and the roles that they are members of, however far up. */
export async function readRoles(session: PostgresSession, names: string[]): Promise<Role[]> {
  const rows = await session.rows<
    Record<string, boolean> & { name: string; limit: number; until: string | null; groups: string[] }
  >(
    `WITH RECURSIVE named(oid) AS (
       SELECT oid FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)
       UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN named n ON n.oid = m.member)
     SELECT r.rolname AS name, r.rolsuper AS superuser, r.rolinherit AS inherit, r.rolcreaterole AS createrole,
            r.rolcreatedb AS createdb, r.rolcanlogin AS login, r.rolreplication AS replication,
            r.rolbypassrls AS bypassrls, r.rolconnlimit AS limit, nullif(r.rolvaliduntil, 'infinity')::text AS until,
            ARRAY(SELECT DISTINCT g.rolname::text FROM pg_catalog.pg_auth_members m
                    JOIN pg_catalog.pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1) AS groups
       FROM pg_catalog.pg_roles r JOIN named USING (oid) WHERE r.rolname !~ '^pg_' ORDER BY 1`,
    [names],
  )
  return rows.map(({ name, limit, until, groups, ...can }) => ({
    name,
    options: [
      ...['superuser', 'inherit', 'createrole', 'createdb', 'login', 'replication', 'bypassrls'].map(
        option => `${can[option] === true ? '' : 'NO'}${option.toUpperCase()}`,
      ),
      ...(limit < 0 ? [] : [`CONNECTION LIMIT ${limit}`]),
      ...(until === null ? [] : [`VALID UNTIL ${quoteLiteral(until)}`]),
    ].join(' '),
    memberOf: groups,
  }))
}

/**
 * The statements that make the roles a server lacks, and the groups that they are in; each is without a password.
 * @param known all that the backup knows; of one that it does not know, a role that cannot log in is made
 * @param wanted names that the server is to have
 * @param there names that it has
 */
export function createRolesSql(known: Role[], wanted: string[], there: string[]): string {
  const roles = new Map(known.map(role => [role.name, role]))
  const groupsOf = (name: string) => roles.get(name)?.memberOf ?? []
  const missing = new Set<string>()
  const add = (name: string) => {
    if (missing.has(name) || there.includes(name)) return
    missing.add(name)
    groupsOf(name).forEach(add)
  }
  wanted.forEach(add)
  const made = [...missing].map(
    name => `CREATE ROLE ${quoteIdentifier(name)} ${roles.get(name)?.options ?? 'NOLOGIN'}`,
  )
  const granted = [...missing].flatMap(name =>
    groupsOf(name).map(group => `GRANT ${quoteIdentifier(group)} TO ${quoteIdentifier(name)}`),
  )
  return [...made, ...granted].join('; ')
}
