import type { Evidence } from '../../outcome/outcome.ts'
import { connect, quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import { withDatabase, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import type { LeftOut } from '../dump/archive-entries.ts'
import type { BeyondDatabase } from '../dump/beyond-database.ts'
import { createDatabase, dropDatabase } from '../verify/create-database.ts'
import { refused, type Found } from '../storage/find.ts'
import { applyProperties, connectBeside, readProperties } from '../dump/live-database.ts'
import { explainLockShortage } from '../dump/lock-shortage.ts'
import type { Manifest } from '../storage/manifest.ts'
import type { Proof } from '../encryption/trust.ts'
import { mayCreateDatabases } from '../verify/plan-verification.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from '../dump/programs.ts'
import { restoreDump } from './restore.ts'
import { createRolesSql } from './roles.ts'
import { makeSchemas } from '../dump/scope.ts'
import type { Opening } from '../encryption/seal.ts'
import { readDatabase } from '../dump/snapshot.ts'
import { swapDatabases } from './swap.ts'
import { requireSameContents } from '../verify/verify.ts'

/** A template is copied in seconds; a server that is short of I/O may take minutes. */
const createWithinMs = 300_000

/** What is restored, and what becomes of the database that is live. */
export interface Restoration {
  found: Found
  /** The runbook's query, for comparing; empty: none. */
  question: string
  /** What opens the backup. */
  opening: Opening
  uri: string
  /** With the live database's name. */
  server: PostgresServer
  programs: Programs
  /** The new database. */
  target: string
  /** True when the new database is to bear the live one's name in the end. */
  replaces: boolean
  /** Whether there is a live database; a lost one is simply made again. */
  liveExists: boolean
  /** Name under which the live one will be kept. */
  kept: string
  /** What the live database has that acts beyond it; undefined when there is none. */
  beyond: BeyondDatabase | undefined
  /** Databases that earlier restores of this one have left half-filled, because they were killed. */
  leftovers: string[]
  /** Whether code of the dump runs with rights beyond the database: the user of the address has them. */
  powerful: boolean
}

/** What an operator who restores with the rights of a superuser has to know. */
export function rightsEvidence({ powerful, server }: Restoration): Evidence[] {
  if (!powerful) return []
  const finding = `${server.user} may reach files and programs of ${server.host}, and so may the code that a dump runs while it is restored (constraints, indexes, views of every owner in it); give restore-db the owner of the database as its user where the dump does not need more`
  return [{ subject: 'rights', finding, tone: 'warn' }]
}

/** @throws ToolError (`restore-refused`) when the server lacks a right, a role or an extension that it takes */
export async function requireMeans(
  beside: PostgresSession,
  { manifest: { database }, proof }: Pick<Found, 'manifest' | 'proof'>,
  { user }: PostgresServer,
): Promise<void> {
  if (!(await mayCreateDatabases(beside)))
    throw refused(
      `${user} may not create databases on this server`,
      `Let a superuser run: ALTER ROLE ${quoteIdentifier(user)} CREATEDB`,
    )
  const roles = await beside.rows<{ name: string }>('SELECT rolname AS name FROM pg_catalog.pg_roles')
  const extensions = await beside.rows<{ name: string }>(
    'SELECT name FROM pg_catalog.pg_available_extensions',
  )
  const without = (wanted: string[], there: { name: string }[]) => {
    const names = new Set(there.map(({ name }) => name))
    return wanted.filter(name => !names.has(name))
  }
  const missing = without(database.roles, roles)
  // What a superuser is asked to run is not taken from what every holder of the store's keys could have written.
  const sql = createRolesSql(
    (proof.kind === 'signed' ? database.globals : undefined) ?? [],
    missing,
    roles.map(({ name }) => name),
  )
  if (missing.length > 0)
    throw refused(
      `This server lacks roles that the backup names: ${missing.join(', ')}`,
      proof.kind === 'signed'
        ? `Let a superuser run this first, and give passwords to those that log in: ${sql}`
        : `Create them first; what they may do is not taken from a backup that is not signed. Roles without any right would be made by: ${sql}`,
    )
  await requireOwners(beside, database, proof)
  const lacking = without(
    database.extensions.map(({ name }) => name),
    extensions,
  )
  if (lacking.length > 0)
    throw refused(
      `This server lacks extensions that the backup uses: ${lacking.join(', ')}`,
      'Install their packages on the server first.',
    )
}

/** What a superuser owned at home can be owned by a superuser alone. */
async function requireOwners(
  beside: PostgresSession,
  { beyond, superuser }: Manifest['database'],
  proof: Proof,
): Promise<void> {
  const superusers = await beside.rows<{ name: string }>(
    'SELECT rolname AS name FROM pg_catalog.pg_roles WHERE rolsuper',
  )
  const names = new Set(superusers.map(({ name }) => name))
  const wrong = (beyond?.superuserOwned ?? []).filter(({ owner }) => !names.has(owner))
  if (wrong.length === 0) return
  const owners = [...new Set(wrong.map(({ owner }) => owner))]
  const listed = wrong.map(({ kind, name, owner }) => `${kind} ${name} of ${owner}`).join(', ')
  const make = owners.map(owner =>
    owner === superuser
      ? `CREATE ROLE ${quoteIdentifier(owner)} SUPERUSER NOLOGIN`
      : `ALTER ROLE ${quoteIdentifier(owner)} SUPERUSER`,
  )
  throw refused(
    `The backup has what only a superuser may own, and on this server its owner is none: ${listed}`,
    proof.kind === 'signed'
      ? `Let a superuser run: ${make.join('; ')}; or give the owner at home a role that is a superuser here, and take a new backup.`
      : 'The backup is not signed, so do not make them superusers because it says so: look at the database that was dumped, or give the owner at home a role that is a superuser here, and take a new backup.',
  )
}

/**
 * Creates the new database, restores, compares; on any failure it is dropped again.
 * @returns what of the dump was left out
 */
export async function fillNewDatabase(plan: Restoration, ports: BackupPorts, time: Time): Promise<LeftOut[]> {
  const { found, server, programs, target } = plan
  const { manifest, store } = found
  const { signal } = ports
  for (const { finding } of rightsEvidence(plan)) ports.log.warn(`${finding}.`)
  // Before the try: what was not created here must not be dropped here.
  await time('create', () => create(plan, signal))
  const database = withDatabase(server, target)
  try {
    await makeSchemas(database, manifest.contents, signal)
    const leftOut = await time('restore', async () =>
      restoreDump(
        ports,
        programs,
        { into: 'live-server', server: database },
        await store.get(manifest.key, signal),
        { ...manifest, open: plan.opening.open },
        manifest.database,
      ),
    )
    await time('compare', () =>
      requireSameContents(database, manifest.contents, { question: plan.question, leftOut: [] }, signal),
    )
    await time('analyze', () => analyze(database, signal))
    return leftOut
  } catch (error) {
    await discard(server, target)
    throw explainLockShortage(error, server)
  }
}

async function create(
  { found, server, target, liveExists }: Restoration,
  signal: AbortSignal,
): Promise<void> {
  const live = liveExists ? await connect(server, { signal }) : undefined
  const locale = live ? await readDatabase(live).finally(() => live.close()) : found.manifest.database
  // Not cut off half-way: then it would not be known whether the database is there.
  const beside = await connectBeside(server, AbortSignal.timeout(createWithinMs))
  try {
    await createDatabase(beside, target, locale)
  } finally {
    await beside.close()
  }
}

/** A restored database has no statistics: without them its first queries would be slow. */
async function analyze(server: PostgresServer, signal: AbortSignal): Promise<void> {
  // Not in a transaction, which would hold a lock on every table until its end.
  const options = `${server.options} -c statement_timeout=0`
  const session = await connect({ ...server, options }, { signal })
  try {
    await session.rows('ANALYZE')
  } finally {
    await session.close()
  }
}

/** Hands the live database's rights and settings on to the one that is to take its place. Drops that one if it fails. */
export async function adoptProperties({ server, target }: Restoration, ports: BackupPorts): Promise<void> {
  try {
    const beside = await connectBeside(server, ports.signal)
    try {
      await applyProperties(beside, target, await readProperties(beside, server.database))
    } finally {
      await beside.close()
    }
  } catch (error) {
    await discard(server, target)
    throw error
  }
}

/** Hands the live database's rights and settings on, then swaps the names. @returns milliseconds of the swap */
export async function takeOver(plan: Restoration, ports: BackupPorts): Promise<number> {
  const { server, target, kept, liveExists } = plan
  if (liveExists) await adoptProperties(plan, ports)
  try {
    if (liveExists)
      return await swapDatabases(server, { live: server.database, restored: target, kept }, ports.clock)
    const start = ports.clock.elapsed()
    const beside = await connectBeside(server, ports.signal)
    try {
      await beside.rows(
        `ALTER DATABASE ${quoteIdentifier(target)} RENAME TO ${quoteIdentifier(server.database)}`,
      )
    } finally {
      await beside.close()
    }
    return ports.clock.elapsed() - start
  } catch (error) {
    await discard(server, target)
    throw error
  }
}

/** With a signal of its own, since the run may have been cancelled. */
export async function discard(server: PostgresServer, database: string): Promise<void> {
  const beside = await connectBeside(server, AbortSignal.timeout(30_000)).catch(() => undefined)
  if (!beside) return
  await dropDatabase(beside, database).catch(() => undefined)
  await beside.close()
}

/** PostgreSQL cuts names at 63 bytes; the end, which tells them apart, must stay. */
export function besideName(database: string, suffix: string): string {
  const room = 63 - Buffer.byteLength(suffix)
  let name = database
  while (Buffer.byteLength(name) > room) name = name.replace(/.$/su, '')
  return `${name}${suffix}`
}

/** Measures one part of the work. */
export type Time = <T>(phase: string, work: () => Promise<T>) => Promise<T>
