import { ToolError } from '../outcome/errors.ts'
import { manifestKey, parseKey, type BackupName } from './keys.ts'
import { parseManifest, type Manifest } from './manifest.ts'
import { readText, type Store } from './store.ts'

/** One pair of keys in a store that bears our names. */
export interface Listed extends BackupName {
  /** Key of the dump; where it is gone, of the manifest that it had. */
  key: string
  hasDump: boolean
  hasManifest: boolean
}

/** Whose backups are meant: nobody else's are looked at, or touched. */
export interface Owner {
  service: string
  environment: string
}

/** What the store's keys say of one service and environment, newest first. Anything else in the store is passed over. */
export async function listBackups(store: Store, owner: Owner, signal: AbortSignal): Promise<Listed[]> {
  const found = new Map<string, Listed>()
  for (const key of await store.list(signal)) {
    const name = parseKey(key)
    if (name?.service !== owner.service || name.environment !== owner.environment) continue
    const manifest = manifestKey(key)
    const listed = found.get(manifest) ?? { ...name, key, hasDump: false, hasManifest: false }
    if (name.kind === 'dump') Object.assign(listed, { key, hasDump: true })
    else listed.hasManifest = true
    found.set(manifest, listed)
  }
  return [...found.values()].sort((a, b) => b.takenAt - a.takenAt)
}

/** Reads the manifest of a backup. @throws ToolError when it is damaged, or is that of another one */
export async function readManifest(
  store: Store,
  { key, service, environment }: Listed,
  signal: AbortSignal,
): Promise<Manifest> {
  const uri = `${store.uri}/${manifestKey(key)}`
  const manifest = parseManifest(uri, await readText(store, manifestKey(key), signal))
  if (manifest.key === key && manifest.service === service && manifest.environment === environment)
    return manifest
  throw new ToolError(`${uri} is the manifest of another backup`, {
    tool: 'backup store',
    hint: 'Somebody copied or renamed it. Restore from another backup.',
  })
}

/**
 * The newest backup of the whole database that was restored and compared, or undefined when there is none: for the check of its age, and
 * for `latest`. Manifests that cannot be read are passed over: they are no backups.
 */
export async function newestBackup(
  store: Store,
  owner: Owner,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  for (const listed of await listBackups(store, owner, signal)) {
    if (!listed.hasDump || !listed.hasManifest) continue
    const manifest = await readManifest(store, listed, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      if (error instanceof ToolError && error.tool === 'backup store') return undefined
      throw error
    })
    if (manifest?.verified.how === 'restore' && !manifest.contents.scope) return manifest
  }
  return undefined
}
