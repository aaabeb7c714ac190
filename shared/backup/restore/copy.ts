import { ToolError } from '../../outcome/errors.ts'
import { connect, type PostgresSession } from '../../integrations/database/postgres.ts'
import { withDatabase, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { RestoredInto, WantedExtension } from '../dump/archive-entries.ts'
import { createScratchDatabase } from '../verify/create-database.ts'
import { createExtensions, creatableExtensions, requireExtensions } from '../verify/extensions.ts'
import type { DatabaseFacts } from '../storage/manifest.ts'
import { createRestrictedRole, grantDatabase, isPowerful } from '../verify/restricted-role.ts'
import { createRolesSql } from './roles.ts'

/** An empty database that a dump is restored into to be verified. */
export interface Copy {
  /** How it is reached to be filled and compared: as a role that has no rights beyond it. */
  server: PostgresServer
  /** The locale that was used. */
  locale: string
  /** Names of the extensions that it may have. */
  creatable: Set<string>
  /** To be called before it is filled. */
  prepare(extensions: WantedExtension[]): Promise<void>
}

/**
 * Creates the database. Nothing of the dump runs as the session's user where that is a superuser, or may reach the
 * server's files: then a role of the database's name is made, which fills it.
 * @param admin a session with another database of the server
 * @param name of the database, and of the role
 */
export async function createCopy(
  admin: PostgresSession,
  on: PostgresServer,
  name: string,
  into: Exclude<RestoredInto, 'live-server'>,
  dumped: DatabaseFacts,
  signal: AbortSignal,
): Promise<Copy> {
  await requireExtensions(admin, dumped.extensions)
  if (into === 'temporary-server') await createRoles(admin, dumped)
  const restricted = (await isPowerful(admin))
    ? await createRestrictedRole(admin, on, name, into === 'temporary-server' ? 'row-security' : 'none')
    : undefined
  const locale = await createScratchDatabase(admin, name, dumped)
  return {
    server: withDatabase(restricted ?? on, name),
    locale,
    creatable: await creatableExtensions(admin),
    async prepare(extensions) {
      const session = await connect(withDatabase(on, name), { signal })
      try {
        if (restricted) await grantDatabase(session, name, restricted.user)
        await createExtensions(session, extensions, restricted?.user)
      } finally {
        await session.close()
      }
      if (restricted) await requireLogin(withDatabase(restricted, name), signal)
    },
  }
}

/** @throws ToolError that says what to do where the server does not let the role in */
async function requireLogin(server: PostgresServer, signal: AbortSignal): Promise<void> {
  try {
    await (await connect(server, { signal })).close()
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    throw new ToolError(
      `A dump is not restored with the rights of a superuser, and the server does not let a role without them in: ${error.message}`,
      {
        tool: error.tool,
        hint: 'Give verify-url a user that is no superuser and has CREATEDB, or let pg_hba.conf admit roles whose names begin with runbook_verify_ by password.',
        cause: error,
      },
    )
  }
}

/** The roles that policies name. They own nothing and may do nothing. */
async function createRoles(admin: PostgresSession, { roles }: DatabaseFacts): Promise<void> {
  const there = await admin.rows<{ name: string }>('SELECT rolname AS name FROM pg_catalog.pg_roles')
  const sql = createRolesSql(
    [],
    roles,
    there.map(({ name }) => name),
  )
  if (sql !== '') await admin.rows(sql)
}
