import { InputError, ToolError } from '../../outcome/errors.ts'
import { connect, quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import { requireOwnSession } from '../../integrations/database/postgres-pooler.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { findContainer } from '../dump/container.ts'
import type { Manifest } from '../storage/manifest.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from '../dump/programs.ts'
import { isPowerful } from './restricted-role.ts'
import { findSandbox } from './sandbox.ts'
import { isSameServer, requireRoomBeside } from './same-server.ts'
import { readDatabase, readVersion } from '../dump/snapshot.ts'
import type { ServerPlace } from './start-temporary-server.ts'
import { noServerHint } from './temporary-server.ts'

/** How a backup will be verified; made before anything is dumped, so that what is missing is known in time. */
export type Verification =
  /** With the programs of the version that it has, which the dump was not necessarily made with. */
  | { how: 'restore'; on: 'temporary-server'; programs: Programs; place: ServerPlace }
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
  if (!verifyServer) return planHere(ports, programs, image)
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

/**
 * On this machine: its own programs in a sandbox, else a container.
 * @throws ToolError (`sandbox-unavailable`) where there are programs and neither can be had
 */
async function planHere(ports: BackupPorts, programs: Programs, image: string): Promise<Verification> {
  const plan = { how: 'restore', on: 'temporary-server' } as const
  if (programs.image !== undefined)
    return { ...plan, programs, place: { kind: 'container', image: programs.image } }
  let refused: ToolError | undefined
  if (programs.server) {
    try {
      const sandbox = await findSandbox(ports, programs.server.postgres)
      return { ...plan, programs, place: { kind: 'sandbox', sandbox, programs: programs.server } }
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      refused = error
    }
  }
  const found = await findContainer(ports, programs.major, image)
  if (found?.image !== undefined)
    return { ...plan, programs: found, place: { kind: 'container', image: found.image } }
  throw (
    refused ??
    new ToolError(
      'The backup could not be verified here: there is no PostgreSQL server to restore it into',
      noServerHint(programs.major),
    )
  )
}

async function requireCreateDatabase(
  session: PostgresSession,
  where: string,
  { user }: PostgresServer,
): Promise<void> {
  if (!(await mayCreateDatabases(session)))
    throw new InputError(`${where}: ${user} may not create databases there`, {
      hint: `Run: ALTER ROLE ${quoteIdentifier(user)} CREATEDB`,
    })
  // A superuser makes a role without rights, which restores in its place.
  const [role] = await session.rows<{ superuser: boolean }>(
    'SELECT rolsuper AS superuser FROM pg_catalog.pg_roles WHERE rolname = current_user',
  )
  if (role?.superuser === true || !(await isPowerful(session))) return
  throw new InputError(
    `${where}: ${user} may run programs or use files of that server (pg_execute_server_program, pg_read_server_files or pg_write_server_files), and so could code of the dump`,
    {
      hint: 'Name a user without those roles, or a superuser, who makes a role without them for the restore.',
    },
  )
}

/** Whether the session's user may create databases on its server, which every restore takes. */
export async function mayCreateDatabases(session: PostgresSession): Promise<boolean> {
  const [role] = await session.rows<{ may: boolean }>(
    'SELECT rolcreatedb OR rolsuper AS may FROM pg_catalog.pg_roles WHERE rolname = current_user',
  )
  return role?.may === true
}
