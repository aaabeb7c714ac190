import { Readable } from 'node:stream'
import { ToolError } from '../../outcome/errors.ts'
import { tooLarge } from '../../host/within-limit.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { describeServer } from '../../integrations/database/postgres-url.ts'
import type { RunInfo } from '../../host/run.ts'
import type { Owner } from '../storage/catalog.ts'
import { hashingOf, readAllSequences, readContents, widenSequences } from '../verify/contents.ts'
import { startDump } from './dump.ts'
import { createMeter, distanceFor } from '../encryption/digest.ts'
import { createCounter } from '../storage/exit-guard.ts'
import { compressFrames } from '../encryption/frames.ts'
import { dumpKey, manifestKey, type Extension } from '../storage/keys.ts'
import { explainLockShortage } from './lock-shortage.ts'
import { writeManifest, type Contents, type Manifest } from '../storage/manifest.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'
import { resolveScope, type Resolved, type Scope } from './scope.ts'
import type { Sealing } from '../encryption/seal.ts'
import type { SigningKey } from '../encryption/signature.ts'
import { answer, readSchemas } from '../verify/question.ts'
import { openSnapshot, type Snapshot } from './snapshot.ts'
import { mostTextBytes, type Store } from '../storage/store.ts'
import type { Unverified } from '../verify/verify.ts'

/** What is dumped, whence and whither. */
export interface DumpRequest {
  owner: Owner
  server: PostgresServer
  store: Store
  programs: Programs
  run: RunInfo
  sealing: Sealing
  /** Undefined: the backup is not signed. */
  signing: SigningKey | undefined
  /** The user's own query, answered from the same instant; empty: there is none. */
  query: string
  /** What to dump; undefined: all of it. */
  scope: Scope | undefined
  /** Keys of dumps that are there already. */
  taken: Set<string>
}

/** A dump that is stored, and no backup yet: it has no manifest. */
export interface Dumped {
  manifest: Unverified
  /** What the dumped instant held: it is being counted while the dump is verified. */
  contents: Promise<Contents>
  /** Ends the counting and gives the snapshot back. Never throws. */
  close(): Promise<void>
}

/**
 * Streams one instant of a database into a store: dumped, compressed, sealed, hashed. Nothing of it stays when any part
 * fails. The same instant is then counted and hashed, which would take the dump's share of the server if it ran beside.
 */
export async function takeDump(ports: BackupPorts, request: DumpRequest): Promise<Dumped> {
  const { owner, server, store, programs, run, sealing } = request
  const { clock } = ports
  const start = clock.elapsed()
  const { key, takenAt } = chooseKey(owner, clock.now(), request.taken, sealing.extension)
  const stop = new AbortController()
  const signal = AbortSignal.any([ports.signal, stop.signal])
  const snapshot = await openSnapshot(server, signal)
  const [dumped, stored] = [createCounter(), createMeter(distanceFor(snapshot.database.size))]
  let sequences: Contents['sequences']
  let scope: Resolved | undefined
  try {
    const before = await readAllSequences(snapshot.session)
    scope = request.scope && (await resolveScope(snapshot.session, request.scope))
    const args = scope?.args ?? []
    const dump = startDump({ ...ports, signal }, programs, server, snapshot.id, args)
    const body = stored.through(sealing.seal(compressFrames(dumped.through(dump))))
    await store.put(key, Readable.from(body, { objectMode: false, highWaterMark: 2 ** 20 }), {
      expectedBytes: snapshot.database.size,
      signal,
    })
    sequences = widenSequences(before, await readAllSequences(snapshot.session))
  } catch (error) {
    stop.abort()
    await snapshot.close()
    throw explainLockShortage(error, server)
  }
  const contents = count(snapshot, sequences, request.query, scope).catch((error: unknown) => {
    throw explainLockShortage(error, server)
  })
  // The caller that waits for it gets the failure; until then it must not count as unhandled.
  contents.catch(() => undefined)
  return {
    manifest: {
      manifest: 1,
      ...owner,
      key,
      ...stored.digest(),
      format: 'pg_dump custom',
      compression: 'zstd',
      encryption: sealing.encryption,
      dumpedBytes: dumped.bytes(),
      takenAt: new Date(takenAt).toISOString(),
      durationMs: Math.round(clock.elapsed() - start),
      by: { actor: run.actor, run: run.id, url: run.url },
      server: { address: describeServer(server), ...snapshot.server },
      client: { version: programs.version, major: programs.major },
      database: snapshot.database,
    },
    contents,
    async close() {
      stop.abort()
      await contents.catch(() => undefined)
    },
  }
}

async function count(
  snapshot: Snapshot,
  sequences: Contents['sequences'],
  query: string,
  scope: Resolved | undefined,
): Promise<Contents> {
  const { session, server } = snapshot
  try {
    const read = await readContents(session, hashingOf(server.major), scope ? 'each' : 'whole')
    const all = { ...read, sequences }
    const contents = scope ? scope.trim(all) : all
    if (query === '') return contents
    return { ...contents, query: await answer(session, query, await readSchemas(session)) }
  } finally {
    await snapshot.close()
  }
}

/** Writes the manifest, with which the dump becomes a backup; when that fails, the dump goes too. */
export async function completeBackup(
  store: Store,
  manifest: Manifest,
  signing: SigningKey | undefined,
  signal: AbortSignal,
): Promise<void> {
  const text = Buffer.from(writeManifest(manifest, signing))
  try {
    if (text.length > mostTextBytes)
      throw tooLarge({
        what: `The manifest, of ${manifest.contents.tables.length} tables,`,
        mostBytes: mostTextBytes,
        hint: 'Back up parts of the database, each by itself, with schemas or exclude-schemas.',
      })
    await store.put(manifestKey(manifest.key), Readable.from([text]), { expectedBytes: text.length, signal })
  } catch (error) {
    await discardDump(store, manifest.key)
    throw error
  }
}

/** Removes a dump that did not become a backup. Best effort: without a manifest it counts for nothing anyway. */
export async function discardDump(store: Store, key: string): Promise<void> {
  await store.remove([key]).catch(() => undefined)
}

/** Of so many seconds, one name must be free. */
const mostTaken = 120

/**
 * The key of this second, or of the next one that is free.
 * @throws ToolError when the names of the next minutes are all taken: a backup must not be dated in the future
 */
function chooseKey(owner: Owner, now: number, taken: Set<string>, extension: Extension) {
  const manifests = new Set([...taken].map(manifestKey))
  const second = Math.floor(now / 1_000) * 1_000
  for (let takenAt = second; takenAt < second + mostTaken * 1_000; takenAt += 1_000) {
    const key = dumpKey({ ...owner, takenAt }, extension)
    if (!manifests.has(manifestKey(key))) return { key, takenAt }
  }
  throw new ToolError(`The names of the next ${mostTaken} seconds are all taken in the store`, {
    tool: 'backup store',
    reason: 'backup-untrusted',
    hint: 'Another writer has put objects there that bear the names of backups to come: find out who, and remove them.',
  })
}
