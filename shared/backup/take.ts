import { pipeline } from 'node:stream'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { describeServer } from '../platform/postgres-url.ts'
import type { RunInfo } from '../platform/run.ts'
import type { Owner } from './catalog.ts'
import { closeSequences, readContents } from './contents.ts'
import { startDump } from './dump.ts'
import { createMeter } from './exit-guard.ts'
import { dumpKey, manifestKey } from './keys.ts'
import { writeManifest, type Contents, type Manifest } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import { openSnapshot } from './snapshot.ts'
import { Readable } from 'node:stream'
import type { Store } from './store.ts'
import type { Unverified } from './verify.ts'

/** What is dumped, whence and whither. */
export interface DumpRequest {
  owner: Owner
  server: PostgresServer
  store: Store
  programs: Programs
  run: RunInfo
  /** Keys of dumps that are there already. */
  taken: Set<string>
}

/**
 * Dumps one instant of a database into a store, while the same instant is counted and hashed. Nothing of it stays
 * when any part fails. What is stored is no backup yet: it has no manifest.
 */
export async function takeDump(ports: BackupPorts, request: DumpRequest): Promise<Unverified> {
  const { owner, server, store, programs, run } = request
  const { clock } = ports
  const start = clock.elapsed()
  const { key, takenAt } = chooseKey(owner, clock.now(), request.taken)
  const snapshot = await openSnapshot(server, ports.signal)
  // Whichever of the two fails stops the other.
  const stop = new AbortController()
  const signal = AbortSignal.any([ports.signal, stop.signal])
  const meter = createMeter()
  const dump = startDump({ ...ports, signal }, programs, server, snapshot.id)
  pipeline(dump, meter.stream, () => undefined)
  const stored = store.put(key, meter.stream, { expectedBytes: snapshot.database.size, signal })
  const read = readContents(snapshot.session)
  let contents: Contents
  try {
    contents = await closeSequences(snapshot.session, (await Promise.all([read, stored]))[0])
  } catch (error) {
    stop.abort()
    await snapshot.close()
    const [storing] = await Promise.allSettled([stored, read])
    // Only what this run has stored: a write that failed may have met another run's backup.
    if (storing.status === 'fulfilled') await store.remove([key]).catch(() => undefined)
    throw error
  }
  await snapshot.close()
  return {
    manifest: 1,
    ...owner,
    key,
    ...meter.digest(),
    format: 'pg_dump custom',
    takenAt: new Date(takenAt).toISOString(),
    durationMs: Math.round(clock.elapsed() - start),
    by: { actor: run.actor, run: run.id, url: run.url },
    server: { address: describeServer(server), ...snapshot.server },
    client: { version: programs.version, major: programs.major },
    database: snapshot.database,
    contents,
  }
}

/** Writes the manifest, with which the dump becomes a backup; when that fails, the dump goes too. */
export async function completeBackup(store: Store, manifest: Manifest, signal: AbortSignal): Promise<void> {
  const text = Buffer.from(writeManifest(manifest))
  try {
    await store.put(manifestKey(manifest.key), Readable.from([text]), { expectedBytes: text.length, signal })
  } catch (error) {
    await discardDump(store, manifest.key)
    throw error
  }
}

/** Removes a dump that did not become a backup. Best effort: without a manifest it counts for nothing anyway. */
export async function discardDump(store: Store, key: string): Promise<void> {
  await store.remove([manifestKey(key), key]).catch(() => undefined)
}

/** The key of this second, or of the next one that is free. */
function chooseKey(owner: Owner, now: number, taken: Set<string>): { key: string; takenAt: number } {
  for (let takenAt = Math.floor(now / 1_000) * 1_000; ; takenAt += 1_000) {
    const key = dumpKey({ ...owner, takenAt })
    if (!taken.has(key)) return { key, takenAt }
  }
}
