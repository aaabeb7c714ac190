import { readBeyondDatabase, type BeyondDatabase } from '../../backup/dump/beyond-database.ts'
import type { Owner } from '../../backup/storage/catalog.ts'
import { findBackup, refused } from '../../backup/storage/find.ts'
import { stampOf } from '../../backup/storage/keys.ts'
import { connectBeside, findDatabase, findStamped } from '../../backup/dump/live-database.ts'
import type { Manifest } from '../../backup/storage/manifest.ts'
import { findPrograms } from '../../backup/dump/find-programs.ts'
import { besideName, requireMeans, type Restoration } from '../../backup/restore/replace.ts'
import { isPowerful } from '../../backup/verify/restricted-role.ts'
import { chooseOpening } from '../../backup/encryption/sealing.ts'
import { readVersion } from '../../backup/dump/snapshot.ts'
import { readingOf } from '../../backup/encryption/trust.ts'
import {
  readSurroundings,
  resolveDatabase,
  resolveStore,
  secretVariables,
  storeVariables,
} from '../../backup/storage/where.ts'
import { ToolError } from '../../outcome/errors.ts'
import { connect, sqlState, type PostgresSession } from '../../integrations/database/postgres.ts'
import { findPooler, isAnnouncedByAnother, poolerError } from '../../integrations/database/postgres-pooler.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import type { Address } from '../../targets/tunnel.ts'
import type { Ports } from '../step/ports.ts'

/** Which backup is to be restored, and into what. */
export interface RestorationRequest {
  /** `latest`, a name, or a URI. */
  backup: string
  /** Empty for the service's own DATABASE_URL. */
  'database-url': string
  /** Empty when the backup is not encrypted. */
  'decrypt-with': string
  /** Name of a new database; empty: the live one is to be replaced. */
  into: string
  /** Milliseconds that the backup may be old; 0: any. */
  'max-age': number
}

/**
 * Finds the backup and makes sure that it can be restored, before anything is written.
 * @param via where a tunnel to the database begins
 * @throws InputError, or ToolError (`restore-refused`) that says which condition is not met
 */
export async function planRestoration(
  environment: Environment,
  request: RestorationRequest,
  ports: Ports,
  via: Address | undefined,
): Promise<Restoration> {
  const { into } = request
  const surroundings = readSurroundings(environment, ports.env)
  const server = resolveDatabase(surroundings, request['database-url'], via)
  if (request['decrypt-with'] !== '') ports.secrets.add(request['decrypt-with'])
  for (const value of [server.password, ...secretVariables(surroundings)]) ports.secrets.add(value)
  const owner: Owner = { service: environment.service, environment: environment.name }
  // The server comes first: an address that leads to a pooler is named as such, whether or not there is a backup.
  const beside = await connectDirectly(server, ports)
  try {
    const found = await findBackup({
      backup: request.backup,
      owner,
      openOwn: () => resolveStore(surroundings, ''),
      root: environment.root,
      variables: storeVariables(surroundings),
      reading: readingOf(environment, ports),
    })
    requireOwn(found.manifest, owner, into)
    requireYoung(found.manifest, request['max-age'], ports.clock.now())
    const opening = await chooseOpening(ports, found.manifest.encryption, request['decrypt-with'])
    const { major, version } = await readVersion(beside)
    if (major < found.manifest.server.major) {
      throw refused(
        `The backup is of PostgreSQL ${found.manifest.server.version}; this server is ${version}, which is older`,
        'Restore into a server that is at least as new.',
      )
    }
    const programs = await findPrograms(
      ports,
      Math.max(major, found.manifest.client.major),
      environment.backup?.postgresImage ?? '',
    )
    await requireMeans(beside, found, server)
    const stamp = stampOf(ports.clock.now())
    const target = into === '' ? besideName(server.database, `_restore_${stamp}`) : into
    const kept = besideName(server.database, `_before_${stamp}`)
    for (const name of into === '' ? [target, kept] : [target]) {
      if ((await findDatabase(beside, name)) !== undefined)
        throw refused(
          `The database ${name} exists already`,
          'Drop it if it is not wanted, or give into another name.',
        )
    }
    const liveExists = (await findDatabase(beside, server.database)) !== undefined
    return {
      found,
      question: environment.backup?.verifyQuery ?? '',
      opening,
      uri: `${found.store.uri}/${found.manifest.key}`,
      server,
      programs,
      target,
      replaces: into === '',
      liveExists,
      beyond: liveExists ? await beyondOf(server, ports) : undefined,
      kept,
      powerful: await isPowerful(beside),
      leftovers: await findStamped(
        beside,
        besideName(server.database, `_restore_${stamp}`).slice(0, -stamp.length),
      ),
    }
  } finally {
    await beside.close()
  }
}

/**
 * Beside the database, on the server itself: a pooler knows no other database than those of its configuration, and lends
 * sessions that a restore has to keep.
 */
async function connectDirectly(server: PostgresServer, { signal }: Ports): Promise<PostgresSession> {
  const where = 'The address of the database'
  const pooler = await findPooler(server, { signal }).catch((error: unknown) => {
    // The database is lost: then the one beside it is asked.
    if (sqlState(error) !== '3D000') throw error
    return undefined
  })
  if (pooler?.lends === 'for-a-transaction') throw poolerError(where, server, pooler.sign)
  try {
    const beside = await connectBeside(server, signal)
    if (!pooler && (await isAnnouncedByAnother(beside))) {
      await beside.close()
      throw poolerError(where, server, 'what answers there is not the process that serves the session')
    }
    return beside
  } catch (error) {
    if (!pooler || !(error instanceof ToolError) || error.reason === 'pooler-in-the-way') throw error
    throw poolerError(where, server, `it leads to no database beside ${server.database}: ${error.message}`)
  }
}

async function beyondOf(server: PostgresServer, { signal }: Ports): Promise<BeyondDatabase> {
  const session = await connect(server, { signal })
  try {
    return await readBeyondDatabase(session)
  } finally {
    await session.close()
  }
}

/** A backup of something else is never put in a live database's place. */
function requireOwn({ service, environment, contents }: Manifest, owner: Owner, into: string): void {
  if (contents.scope && into === '')
    throw refused(
      'The backup holds a part of the database alone, and would not replace all of it',
      'Restore it into a new database with into, and take from there what is missing.',
    )
  if (service !== owner.service)
    throw refused(
      `The backup is of the service ${service}, not of ${owner.service}`,
      'Name a backup of this service.',
    )
  if (environment !== owner.environment && into === '')
    throw refused(
      `The backup is of ${environment}, not of ${owner.environment}`,
      'To look at it, restore it into a new database with into.',
    )
}

/** Milliseconds of 0 ask for nothing. */
function requireYoung({ takenAt }: Manifest, maxAgeMs: number, now: number): void {
  const age = now - Date.parse(takenAt)
  if (maxAgeMs === 0 || age <= maxAgeMs) return
  throw refused(
    `The backup was taken ${showDuration(age)} ago, at ${takenAt}, and max-age is ${showDuration(maxAgeMs)}`,
    'Name a newer backup, or raise max-age to say that so much may be lost.',
  )
}
