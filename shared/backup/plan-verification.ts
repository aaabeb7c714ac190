import { InputError, ToolError } from '../outcome/errors.ts'
import { connect, quoteIdentifier, type PostgresSession } from '../platform/postgres.ts'
import { requireOwnSession } from '../platform/postgres-pooler.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { findContainer } from './container.ts'
import type { Manifest } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import { isSameServer, requireRoomBeside } from './same-server.ts'
import { readDatabase, readVersion } from './snapshot.ts'
import { noServerHint } from './temporary-server.ts'

/** How a backup will be verified; made before anything is dumped, so that what is missing is known in time. */
export type Verification =
  /** With the programs of the version that it has, which the dump was not necessarily made with. */
  | { how: 'restore'; on: 'temporary-server'; programs: Programs }
  | { how: 'restore'; on: PostgresServer }
  | { how: 'list' }
  | { how: 'none' }

/** What was asked for. */
export interface VerificationWish {
  how: Manifest['verified']['how'] | 'same-server'
  /** `verify-url`. */
  on: PostgresServer | undefined
  /** Bytes that `verify-free-disk` says are free on the server that is backed up; undefined: it says nothing. */
  freeDisk: number | undefined
  /** For a temporary server in a container; empty: the official image. */
  image: string
}

/** The database that is to be backed up. */
export interface Source {
  server: PostgresServer
  session: PostgresSession
  major: number
}

/** @throws ToolError or InputError when the verification that was asked for is not possible here */
export async function planVerification(
  ports: BackupPorts,
  { how, on: verifyServer, freeDisk, image }: VerificationWish,
  programs: Programs,
  { server, session: source, major: serverMajor }: Source,
): Promise<Verification> {
  if (verifyServer && how !== 'restore')
    throw new InputError(`verify-url is given, and verify is ${how}; accepted: one of them`, {
      hint: 'Take verify-url out, or set verify to restore.',
    })
  if (how === 'same-server') {
    const { size } = await readDatabase(source)
    await requireRoomBeside(source, server, size, freeDisk)
    await requireCreateDatabase(source, 'verify', server)
    return { how: 'restore', on: server }
  }
  if (how !== 'restore') return { how }
  return planElsewhere(ports, { on: verifyServer, image }, programs, serverMajor, source)
}

/**
 * Away from the database that is, or was, backed up.
 * @param source a session with it, so that it is not taken itself; undefined where it is not asked
 */
export async function planElsewhere(
  ports: BackupPorts,
  { on: verifyServer, image }: Pick<VerificationWish, 'on' | 'image'>,
  programs: Programs,
  serverMajor: number,
  source: PostgresSession | undefined,
): Promise<Verification> {
  if (!verifyServer) {
    const local = programs.server ?? programs.image
    const found = local ? programs : await findContainer(ports, programs.major, image)
    if (found) return { how: 'restore', on: 'temporary-server', programs: found }
    throw new ToolError(
      'The backup could not be verified here: there is no PostgreSQL server to restore it into',
      noServerHint(programs.major),
    )
  }
  await requireOwnSession('verify-url', verifyServer, { signal: ports.signal })
  const session = await connect(verifyServer, { signal: ports.signal })
  try {
    const { major, version } = await readVersion(session)
    if (major < serverMajor)
      throw new InputError(
        `verify-url: that server is PostgreSQL ${version}, older than the one that is backed up (${serverMajor})`,
        {
          hint: `Name a server of version ${serverMajor} or newer.`,
        },
      )
    if (source && (await isSameServer(source, session)))
      throw new InputError('verify-url leads to the server that is backed up', {
        hint: 'A backup is proved away from production. If that server is meant, take verify-url out and set verify to same-server: it takes twice the size of the database of its disk.',
      })
    await requireCreateDatabase(session, 'verify-url', verifyServer)
    return { how: 'restore', on: verifyServer }
  } finally {
    await session.close()
  }
}

async function requireCreateDatabase(
  session: PostgresSession,
  where: string,
  { user }: PostgresServer,
): Promise<void> {
  if (await mayCreateDatabases(session)) return
  throw new InputError(`${where}: ${user} may not create databases there`, {
    hint: `Run: ALTER ROLE ${quoteIdentifier(user)} CREATEDB`,
  })
}

/** Whether the session's user may create databases on its server, which every restore takes. */
export async function mayCreateDatabases(session: PostgresSession): Promise<boolean> {
  const [role] = await session.rows<{ may: boolean }>(
    'SELECT rolcreatedb OR rolsuper AS may FROM pg_catalog.pg_roles WHERE rolname = current_user',
  )
  return role?.may === true
}
