import { ToolError } from '../../outcome/errors.ts'
import { manifestKey, parseKey, type BackupName } from './keys.ts'
import { parseManifest, type ReadManifest } from './manifest.ts'
import { readText, type Store } from './store.ts'
import { isFuture, isOfObject, notePassedOver, untrusted, type Reading } from '../encryption/trust.ts'

/** One pair of keys in a store that bears our names. */
export interface Listed extends BackupName {
  /** Key of the dump, as far as the listing says; where it is gone, of the manifest that it had. */
  key: string
  /** Keys of all objects that the manifest could be of: what others put there keeps none from being found. */
  dumps: string[]
  hasDump: boolean
  hasManifest: boolean
}

/** Whose backups are meant: those of other owners are neither read nor touched. */
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
    const listed = found.get(manifest) ?? { ...name, key, dumps: [], hasDump: false, hasManifest: false }
    if (name.kind === 'dump') Object.assign(listed, { key, dumps: [...listed.dumps, key], hasDump: true })
    else listed.hasManifest = true
    found.set(manifest, listed)
  }
  return [...found.values()].sort((a, b) => b.takenAt - a.takenAt)
}

/**
 * Reads the manifest of a backup; the key of its dump is the one that the manifest names.
 * @throws ToolError when it is damaged, is that of another backup, or is not to be trusted (`backup-untrusted`)
 */
export async function readManifest(
  store: Store,
  { key, dumps, service, environment, takenAt }: Listed,
  reading: Reading,
): Promise<ReadManifest> {
  const uri = `${store.uri}/${manifestKey(key)}`
  // By its name alone: what lies about its age is not even read.
  if (isFuture(takenAt, reading)) throw untrusted(uri, 'it is dated in the future', futureHint)
  const read = parseManifest(uri, await readText(store, manifestKey(key), reading.signal), reading)
  const { manifest } = read
  const same = [
    manifest.service === service,
    manifest.environment === environment,
    dumps.includes(manifest.key),
  ]
  if (same.includes(false) || Math.floor(Date.parse(manifest.takenAt) / 1_000) * 1_000 !== takenAt)
    throw untrusted(uri, 'it is the manifest of another backup, which was copied or renamed')
  if (isFuture(Date.parse(manifest.verified.at), reading))
    throw untrusted(uri, 'it says that it was verified in the future', futureHint)
  const extension = manifest.key.slice(manifestKey(manifest.key).length - '.json'.length)
  if (extension !== extensions[manifest.encryption.how])
    throw untrusted(uri, `it says encryption ${manifest.encryption.how}, and its dump is named ${extension}`)
  if (reading.encrypted && manifest.encryption.how === 'none')
    throw untrusted(uri, 'it is not encrypted, and the runbook demands it (backup.encrypt-to)')
  return read
}

const futureHint =
  'Compare the clock of this machine with another one. If it is right, find out who wrote that object, and remove it.'

const extensions = { none: '.dump.zst', age: '.dump.zst.age', gpg: '.dump.zst.gpg' } as const

/** Manifests that are read at once, where the newest is not the one. */
const atOnce = 4

/**
 * The newest backup of the whole database that was restored and compared, or undefined when there is none: for the check of its age, and
 * for `latest`. What cannot be read or trusted is passed over, and named in one warning: it neither hides an older backup
 * nor stands in for one.
 */
export async function newestBackup(
  store: Store,
  owner: Owner,
  reading: Reading,
): Promise<ReadManifest | undefined> {
  const passedOver: string[] = []
  const listed = (await listBackups(store, owner, reading.signal)).filter(
    ({ hasDump, hasManifest }) => hasDump && hasManifest,
  )
  const newest = await firstOf(listed)
  notePassedOver(store.uri, passedOver, reading)
  return newest

  async function firstOf(backups: Listed[]): Promise<ReadManifest | undefined> {
    for (let from = 0; from < backups.length; from += from === 0 ? 1 : atOnce) {
      const portion = backups.slice(from, from === 0 ? 1 : from + atOnce)
      for (const read of await Promise.all(portion.map(each => readOrPass(each))))
        if (read?.manifest.verified.how === 'restore' && !read.manifest.contents.scope) return read
    }
    return undefined
  }

  async function readOrPass(each: Listed): Promise<ReadManifest | undefined> {
    try {
      return await readManifest(store, each, reading)
    } catch (error) {
      reading.signal.throwIfAborted()
      if (!(error instanceof ToolError) || !isOfObject(error)) throw error
      passedOver.push(error.message)
      return undefined
    }
  }
}
