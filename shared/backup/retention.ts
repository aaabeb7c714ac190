import { ToolError } from '../outcome/errors.ts'
import { manifestKey, parseKey } from './keys.ts'
import { listBackups, readManifest, type Listed, type Owner } from './catalog.ts'
import type { Manifest } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import type { Store } from './store.ts'

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
export type Kept = Pick<Listed, 'key' | 'takenAt' | 'hasDump' | 'hasManifest'> & {
  /** From its manifest; undefined when that was not read, or could not be, and then it stays. */
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
    const isNeeded = needed.some(uri => uri.endsWith(`/${backup.key}`))
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

/** What has expired of one owner's backups. Changes nothing. */
export async function planRetention(
  { clock, signal }: Pick<BackupPorts, 'clock' | 'signal'>,
  store: Store,
  owner: Owner,
  retention: Retention,
): Promise<Kept[]> {
  const backups: Kept[] = []
  let verified = 0
  for (const listed of await listBackups(store, owner, signal)) {
    const whole = listed.hasDump && listed.hasManifest
    // Manifests are read only where they decide: of those that are kept in any case, and of those that are too old.
    const least = Math.min(retention.days, retention.shortDays) * dayMs
    const decides = verified < retention.keepAtLeast || clock.now() - listed.takenAt > least
    const manifest =
      whole && decides ? await readManifest(store, listed, signal).catch(() => undefined) : undefined
    signal.throwIfAborted()
    // A part of the database is none of those that have to stay.
    const how = manifest?.contents.scope ? 'none' : manifest?.verified.how
    if (how === 'restore') verified++
    backups.push({ ...listed, verified: how, keep: manifest?.keep })
  }
  return chooseExpired(backups, retention, clock.now())
}

/**
 * Removes what has expired, and what writes that were killed have left; what it is going to remove, it says before.
 * @param newest key of the backup that was just taken: a listing that lacks it is of another place, or not whole
 * @returns the keys of the dumps that went
 */
export async function applyRetention(
  ports: Pick<BackupPorts, 'clock' | 'signal' | 'log'>,
  store: Store,
  owner: Owner,
  retention: Retention,
  newest: string,
): Promise<string[]> {
  const { clock, signal, log } = ports
  const listed = await listBackups(store, owner, signal)
  if (!listed.some(({ key, hasDump, hasManifest }) => key === newest && hasDump && hasManifest))
    throw new ToolError(`${store.uri} does not list the backup that was just taken (${newest})`, {
      tool: 'backup store',
      hint: 'Nothing is removed by such a listing. Check that it is the same store that is written to and read from.',
    })
  const expired = await planRetention(ports, store, owner, retention)
  for (const { key } of expired) log.info(`Retention: ${key} goes, older than ${retention.days} days.`)
  // Manifests first: if this is cut off in between, no manifest promises a dump that is gone.
  await store.remove(expired.filter(({ hasManifest }) => hasManifest).map(({ key }) => manifestKey(key)))
  await store.remove(expired.filter(({ hasDump }) => hasDump).map(({ key }) => key))
  await store.removeAbandoned(key => isOf(owner, key), clock.now() - abandonedAfterMs, signal)
  return expired.map(({ key }) => key)
}

function isOf({ service, environment }: Owner, key: string): boolean {
  const name = parseKey(key)
  return name?.service === service && name.environment === environment
}
