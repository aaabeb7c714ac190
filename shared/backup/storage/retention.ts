import { ToolError } from '../../outcome/errors.ts'
import { manifestKey, parseKey } from './keys.ts'
import { listBackups, readManifest, type Listed, type Owner } from './catalog.ts'
import type { Manifest } from './manifest.ts'
import type { BackupPorts } from '../ports.ts'
import type { Store } from './store.ts'
import { isFuture, type Reading } from '../encryption/trust.ts'

/** How long backups stay. Every rule must allow a removal. */
export interface Retention {
  /** For those that are kept long, and one a day of the others where none is. */
  days: number
  /** For the others: those that a schedule takes every half hour. */
  shortDays: number
  /** The newest verified ones that stay, however old they are. */
  keepAtLeast: number
  /** URIs of backups that a release in the ledger may still need: a rollback with the database goes back to them. */
  needed: string[]
}

/** What retention looks at, newest first. */
export type Kept = Pick<Listed, 'key' | 'dumps' | 'takenAt' | 'hasDump' | 'hasManifest'> & {
  /** From its manifest; undefined when that was not read, or cannot be read or trusted, and then it stays. */
  verified: Manifest['verified']['how'] | undefined
  /** From its manifest, too. */
  keep: Manifest['keep']
}

const dayMs = 86_400_000
/** A dump without a manifest may be one that another run is still verifying; not after a day. */
const abandonedAfterMs = dayMs

/**
 * Which backups may go: older than the days say, with enough verified ones that are newer. Leftovers of runs that
 * died go after a day.
 * @param backups newest first
 */
export function chooseExpired(
  backups: Kept[],
  { days, shortDays, keepAtLeast, needed }: Retention,
  now: number,
): Kept[] {
  const daily = dailyOnes(backups)
  const expired: Kept[] = []
  let verified = 0
  for (const backup of backups) {
    const age = now - backup.takenAt
    if (!backup.hasManifest || !backup.hasDump) {
      if (age > abandonedAfterMs) expired.push(backup)
      continue
    }
    const isNeeded = backup.dumps.some(key => needed.some(uri => uri.endsWith(`/${key}`)))
    const stays = backup.keep === 'short' && !daily.has(backup) ? Math.min(shortDays, days) : days
    const isOld = age > stays * dayMs && verified >= keepAtLeast
    if (backup.verified !== undefined && isOld && !isNeeded) expired.push(backup)
    if (backup.verified === 'restore') verified++
  }
  return expired
}

/** A schedule may drop the run whose backup was to be kept long: of such a day, the first verified one stands in for it. */
function dailyOnes(backups: Kept[]): Set<Kept> {
  const first = new Map<number, Kept>()
  for (const backup of backups) {
    if (backup.verified !== 'restore' || !backup.hasDump || !backup.hasManifest) continue
    const day = Math.floor(backup.takenAt / dayMs)
    if (first.get(day)?.keep !== 'long') first.set(day, backup)
  }
  return new Set(first.values())
}

/**
 * What has expired of one owner's backups. Changes nothing. A manifest that is not trusted neither expires nor stands in
 * for one that does: it could have been put there to let good backups go.
 */
export async function planRetention(
  reading: Reading,
  store: Store,
  owner: Owner,
  retention: Retention,
): Promise<Kept[]> {
  const backups: Kept[] = []
  let verified = 0
  const { now, signal } = reading
  for (const listed of await listBackups(store, owner, signal)) {
    // Of a clock that is wrong, or by the hand of another writer: it does not count, and what it is of does not go.
    if (isFuture(listed.takenAt, reading)) continue
    const whole = listed.hasDump && listed.hasManifest
    // Manifests are read only where they decide: of those that are kept in any case, and of those that are too old.
    const least = Math.min(retention.days, retention.shortDays) * dayMs
    const decides = verified < retention.keepAtLeast || now - listed.takenAt > least
    const read =
      whole && decides ? await readManifest(store, listed, reading).catch(() => undefined) : undefined
    const manifest = read?.manifest
    signal.throwIfAborted()
    // A part of the database is none of those that have to stay.
    const how = manifest?.contents.scope ? 'none' : manifest?.verified.how
    if (how === 'restore') verified++
    backups.push({ ...listed, verified: how, keep: manifest?.keep })
  }
  return chooseExpired(backups, retention, now)
}

/**
 * Removes what has expired, and what writes that were killed have left; what it is going to remove, it says before.
 * @param newest key of the backup that was just taken: a listing that lacks it is of another place, or not whole
 * @returns the keys of the dumps that went
 */
export async function applyRetention(
  { log }: Pick<BackupPorts, 'log'>,
  reading: Reading,
  store: Store,
  owner: Owner,
  retention: Retention,
  newest: string,
): Promise<string[]> {
  const { now, signal } = reading
  const listed = await listBackups(store, owner, signal)
  if (!listed.some(({ dumps, hasManifest }) => dumps.includes(newest) && hasManifest))
    throw new ToolError(`${store.uri} does not list the backup that was just taken (${newest})`, {
      tool: 'backup store',
      hint: 'Nothing is removed by such a listing. Check that it is the same store that is written to and read from.',
    })
  const expired = await planRetention(reading, store, owner, retention)
  for (const { key } of expired) log.info(`Retention: ${key} goes, older than ${retention.days} days.`)
  // Manifests first: if this is cut off in between, no manifest promises a dump that is gone.
  await store.remove(expired.filter(({ hasManifest }) => hasManifest).map(({ key }) => manifestKey(key)))
  await store.remove(expired.flatMap(({ dumps }) => dumps))
  await store.removeAbandoned(key => isOf(owner, key), now - abandonedAfterMs, signal)
  return expired.map(({ key }) => key)
}

function isOf({ service, environment }: Owner, key: string): boolean {
  const name = parseKey(key)
  return name?.service === service && name.environment === environment
}
