import { randomBytes } from 'node:crypto'
import { messageOf, ToolError } from '../../outcome/errors.ts'
import { connect, quoteIdentifier, type PostgresSession } from '../../integrations/database/postgres.ts'
import { describeServer, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import { oneLine, type LeftOut, type RestoredInto, type WantedExtension } from '../dump/archive-entries.ts'
import { compareContents, readContents } from './contents.ts'
import { createCopy } from '../restore/copy.ts'
import { dropDatabase } from './create-database.ts'
import { parseStamp, stampOf } from '../storage/keys.ts'
import { explainLockShortage } from '../dump/lock-shortage.ts'
import type { Contents, Manifest } from '../storage/manifest.ts'
import type { Verification } from './plan-verification.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from '../dump/programs.ts'
import { listDump, restoreDump } from '../restore/restore.ts'
import { makeSchemas } from '../dump/scope.ts'
import type { Opening } from '../encryption/seal.ts'
import { answer, compareAnswers } from './question.ts'
import { beginReading } from '../dump/snapshot.ts'
import type { Store } from '../storage/store.ts'
import { startTemporaryServer } from './start-temporary-server.ts'

/** What is to be verified: a manifest that has no verdict yet, of a dump whose instant is still being counted. */
export type Unverified = Omit<Manifest, 'verified' | 'contents'>

/** A stored dump, what it should hold, and what opens it. */
export interface Stored {
  store: Store
  manifest: Unverified
  contents: Promise<Contents>
  opening: Opening
  /** The query of the runbook, or of the run's inputs; empty: none. */
  question: string
  /** Something was left out of it. */
  isPart: boolean
}

/**
 * Reads a backup back from the store and holds it against what was dumped.
 * @returns the manifest with its verdict
 * @throws ToolError when the backup is not what was dumped; its `stderr` lists the differences
 */
export async function verifyBackup(
  ports: BackupPorts,
  stored: Stored,
  verification: Verification,
  programs: Programs,
): Promise<Manifest> {
  const start = ports.clock.elapsed()
  const { where, leftOut } = await prove(ports, stored, verification, programs)
  return {
    ...stored.manifest,
    contents: await stored.contents,
    verified: {
      how: verification.how,
      at: new Date(ports.clock.now()).toISOString(),
      where,
      durationMs: Math.round(ports.clock.elapsed() - start),
      opened: verification.how === 'none' ? 'none' : stored.opening.opened,
      leftOut,
    },
  }
}

/** Where a backup was restored, in words, and what of it was not. */
interface Proof {
  where: string
  leftOut: LeftOut[]
}

async function prove(
  ports: BackupPorts,
  stored: Stored,
  verification: Verification,
  programs: Programs,
): Promise<Proof> {
  const { store, manifest, opening } = stored
  if (verification.how === 'none') return { where: '', leftOut: [] }
  if (verification.how === 'list') {
    const source = await store.get(manifest.key, ports.signal)
    await listDump(ports, programs, source, { ...manifest, open: opening.open })
    return { where: '', leftOut: [] }
  }
  const { on } = verification
  if (on !== 'temporary-server') {
    const { locale, leftOut } = await restoreAndCompare(ports, stored, programs, on, 'scratch-database')
    return { where: `a scratch database on ${on.host}:${on.port}, locale ${locale}`, leftOut }
  }
  const { programs: own, place } = verification
  const temporary = await startTemporaryServer(ports, place, {
    ...manifest.database,
    size: restoredSize(stored),
  })
  try {
    const { locale, leftOut } = await restoreAndCompare(
      ports,
      stored,
      own,
      temporary.server,
      'temporary-server',
    )
    const image = own.image === undefined ? '' : ` (${own.image})`
    return { where: `a temporary server ${own.version}${image}, locale ${locale}`, leftOut }
  } finally {
    await temporary.stop()
  }
}

async function restoreAndCompare(
  ports: BackupPorts,
  stored: Stored,
  programs: Programs,
  on: PostgresServer,
  into: Exclude<RestoredInto, 'live-server'>,
): Promise<{ locale: string; leftOut: LeftOut[] }> {
  const { store, manifest, contents, opening } = stored
  const { signal, clock } = ports
  const name = `runbook_verify_${stampOf(clock.now())}_${randomBytes(4).toString('hex')}`
  const admin = await connect(on, { signal })
  try {
    if (into === 'scratch-database') await dropAbandoned(admin, clock.now())
    const copy = await createCopy(admin, on, name, into, manifest.database, signal)
    const prepare = async (extensions: WantedExtension[]) => {
      await copy.prepare(extensions)
      // What a part of the database holds is known once it is counted.
      if (stored.isPart) await makeSchemas(copy.server, await contents, signal)
    }
    const source = await store.get(manifest.key, signal)
    const sealed = { ...manifest, open: opening.open }
    const target = { ...copy, into, prepare }
    const leftOut = await restoreDump(ports, programs, target, source, sealed, manifest.database)
    await requireSameContents(copy.server, await contents, { question: stored.question, leftOut }, signal)
    return { locale: copy.locale, leftOut }
  } catch (error) {
    throw explainLockShortage(error, on, into === 'scratch-database' ? elsewhere : '')
  } finally {
    await admin.close()
    // The temporary server goes as a whole.
    if (into === 'scratch-database') await dropScratch(ports, on, name)
  }
}

const elsewhere =
  ' Or verify on a temporary server, which is started with enough: without verify-url, and with verify: restore.'

/** Bytes that the restored database will take, about. A part of one is known by its dump alone, which has no indexes. */
function restoredSize({ manifest, isPart }: Stored): number {
  const { size } = manifest.database
  return isPart ? Math.min(size, manifest.dumpedBytes * 2) : size
}

/** What a comparison goes by, beside the contents. */
export interface Comparison {
  /**
   * The query of the runbook, or of this run's inputs; empty: none. It is asked only where the backup was taken with the same
   * one: what a manifest says is never run.
   */
  question: string
  /** What the restore left out: its tables and sequences are not compared. */
  leftOut: LeftOut[]
}

/** @throws ToolError that lists what differs */
export async function requireSameContents(
  server: PostgresServer,
  dumped: Contents,
  { question, leftOut }: Comparison,
  signal: AbortSignal,
): Promise<void> {
  const session = await connect(server, { signal })
  try {
    await beginReading(session)
    const differences = compareContents(
      withoutLeftOut(dumped, leftOut),
      await readContents(session, dumped.hashing, dumped.scope ? 'each' : 'whole'),
    )
    if (dumped.query?.text === question) {
      const difference = compareAnswers(dumped.query, await answer(session, question, dumped.query.schemas))
      if (difference !== '') differences.push(difference)
    }
    if (differences.length === 0) return
    throw new ToolError(
      `What was restored is not what was dumped: ${differences[0] ?? ''}${differences.length > 1 ? `, and ${differences.length - 1} more` : ''}`,
      {
        tool: describeServer(server),
        stderr: differences.slice(0, 50).join('\n'),
        hint: 'Do not rely on this backup. Look at the differences, and take a new one.',
      },
    )
  } finally {
    await session.close()
  }
}

/** What of the dumped contents a restore holds that left something out. */
function withoutLeftOut(dumped: Contents, leftOut: LeftOut[]): Contents {
  const names = new Set(leftOut.map(({ kind, name }) => `${kind} ${name}`))
  return {
    ...dumped,
    tables: dumped.tables.filter(({ schema, table }) => !names.has(oneLine(`table ${schema}.${table}`))),
    sequences: dumped.sequences.filter(
      ({ schema, sequence }) => !names.has(oneLine(`superuser object sequence ${schema}.${sequence}`)),
    ),
  }
}

/** With a signal of its own: the scratch database is dropped even when the run was cancelled. */
async function dropScratch({ log }: BackupPorts, on: PostgresServer, name: string): Promise<void> {
  try {
    const admin = await connect(on, { signal: AbortSignal.timeout(30_000) })
    try {
      await dropDatabase(admin, name)
      const roles = await admin.rows('SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1', [name])
      if (roles.length > 0) await admin.rows(`DROP ROLE ${quoteIdentifier(name)}`)
    } finally {
      await admin.close()
    }
  } catch (error) {
    log.warn(
      `The scratch database could not be dropped from ${on.host}:${on.port}: ${messageOf(error)} Drop it there: DROP DATABASE ${quoteIdentifier(name)}; DROP ROLE IF EXISTS ${quoteIdentifier(name)}`,
    )
  }
}

/** Scratch databases and roles of runs that were killed: ours by name, a day old at least. */
async function dropAbandoned(admin: PostgresSession, now: number): Promise<void> {
  const rows = await admin.rows<{ name: string; role: boolean }>(
    String.raw`WITH ours(name, role) AS (
                 SELECT datname, false FROM pg_catalog.pg_database WHERE pg_has_role(datdba, 'USAGE')
                 UNION ALL SELECT rolname, true FROM pg_catalog.pg_roles
                  WHERE (SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user))
               SELECT name, role FROM ours WHERE name ~ '^runbook_verify_\d{8}_\d{6}_[0-9a-f]{8}$' ORDER BY role`,
  )
  for (const { name, role } of rows) {
    const made = parseStamp(name.slice('runbook_verify_'.length, -9))
    if (made === undefined || now - made <= 86_400_000) continue
    if (role) await admin.rows(`DROP ROLE IF EXISTS ${quoteIdentifier(name)}`)
    else await dropDatabase(admin, name)
  }
}
