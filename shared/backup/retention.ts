import { ToolError } from '../outcome/errors.ts'
import { manifestKey, parseKey } from './keys.ts'
import { listBackups, readManifest, type Listed, type Owner } from './catalog.ts'
import type { Manifest } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import type { Store } from './store.ts'

/** How long backups stay. Every rule must allow a removal. */
export interface Retention {
  days: number
  /** The newest verified ones that stay, however old they are. */
  keepAtLeast: number
  /** URIs of backups that a release in the ledger may still need: a rollback with the database goes back to them. */
  needed: string[]
}

/** What retention looks at, newest first. */
export type Kept = Pick<Listed, 'key' | 'takenAt' | 'hasDump' | 'hasManifest'> & {
  /** From its manifest; undefined when that was not read, or could not be, and then it stays. */
  verified: Manifest['verified']['how'] | undefined
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
  { days, keepAtLeast, needed }: Retention,
  now: number,
): Kept[] {
  const expired: Kept[] = []
  let verified = 0
  for (const backup of backups) {
    const age = now - backup.takenAt
    if (!backup.hasManifest || !backup.hasDump) {
      if (age > abandonedAfterMs) expired.push(backup)
      continue
    }
    const isNeeded = needed.some(uri => uri.endsWith(`/${backup.key}`))
    const isOld = age > days * dayMs && verified >= keepAtLeast
    if (backup.verified !== undefined && isOld && !isNeeded) expired.push(backup)
    if (backup.verified === 'restore') verified++
  }
  return expired
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
    const decides = verified < retention.keepAtLeast || clock.now() - listed.takenAt > retention.days * dayMs
    const manifest =
      whole && decides ? await readManifest(store, listed, signal).catch(() => undefined) : undefined
    signal.throwIfAborted()
    if (manifest?.verified.how === 'restore') verified++
    backups.push({ ...listed, verified: manifest?.verified.how })
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
