import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { InputError, ToolError } from '../../outcome/errors.ts'
import { listBackups, newestBackup, readManifest, type Listed, type Owner } from './catalog.ts'
import { parseKey, stampOf } from './keys.ts'
import type { ReadManifest } from './manifest.ts'
import { destinationOf, openStore } from './open-store.ts'
import type { Store } from './store.ts'
import type { Reading } from '../encryption/trust.ts'

/** What `backup` may be, for messages. */
export const acceptedBackups =
  'latest, a name like backup_20231201_143000, or a URI like s3://bucket/prefix/20231201/backup_....dump.zst'

/** What to look for, and where. */
export interface FindRequest {
  /** The input's text. */
  backup: string
  owner: Owner
  /** The environment's own store. */
  openOwn: () => Promise<Store>
  /** Folder that paths are relative to. */
  root: string
  /** Credentials for a store that a URI names. */
  variables: Record<string, string | undefined>
  /** What the runbook demands of a backup. */
  reading: Reading
}

/** A backup that was found. */
export interface Found extends ReadManifest {
  store: Store
}

/**
 * Finds the backup that is meant: the newest verified one, one by the guide's name, or one by its URI or path.
 * @throws InputError when the text names nothing that could be a backup, ToolError (`restore-refused`) when it is not there
 */
export async function findBackup(request: FindRequest): Promise<Found> {
  const { backup, owner, openOwn, reading } = request
  if (/\.sql(\.\w+)?$/i.test(backup)) {
    throw new InputError(
      `backup is a plain SQL script, which is not restored here; accepted: ${acceptedBackups}`,
      {
        hint: 'A plain script can run commands on this machine (CVE-2025-8714), stops half-way on an error, and cannot be compared with what was dumped. Read it, then run it by hand with psql into an empty database.',
      },
    )
  }
  if (backup === 'latest') {
    const store = await openOwn()
    const newest = await newestBackup(store, owner, reading)
    if (newest) return { store, ...newest }
    throw refused(
      `${store.uri} has no verified backup of ${owner.service} ${owner.environment}${demandsOf(reading)}`,
      'Name one that is not verified by its own name, or look into another store.',
    )
  }
  const stamp = /^backup_(\d{8}_\d{6})(?:_[a-z0-9_-]+)?(?:\.dump\.zst(?:\.\w+)?)?$/.exec(backup)?.[1]
  if (stamp !== undefined && !existsSync(resolve(request.root, backup))) {
    const own = await openOwn()
    return (await locally(own, request, stamp)) ?? byStamp(own, owner, stamp, reading)
  }
  return byPlace(request)
}

/** In the folder `backups` of the repository, where the guide's script looks, unless the store has that one too. */
async function locally(
  own: Store,
  { owner, root, variables, reading }: FindRequest,
  stamp: string,
): Promise<Found | undefined> {
  const destination = destinationOf(resolve(root, 'backups'))
  const isThat = ({ takenAt }: { takenAt: number }) => stampOf(takenAt) === stamp
  if (own.uri === destination || (await listBackups(own, owner, reading.signal)).some(isThat))
    return undefined
  const store = await openStore('backup', destination, variables)
  const listed = (await listBackups(store, owner, reading.signal)).find(isThat)
  return listed && readFound(store, listed, reading)
}

async function byStamp(store: Store, owner: Owner, stamp: string, reading: Reading): Promise<Found> {
  const backups = await listBackups(store, owner, reading.signal)
  const listed = backups.find(({ takenAt }) => stampOf(takenAt) === stamp)
  if (listed) return readFound(store, listed, reading)
  const newest = backups.slice(0, 3).map(({ takenAt }) => `backup_${stampOf(takenAt)}`)
  throw refused(
    `${store.uri} has no backup_${stamp} of ${owner.service} ${owner.environment}`,
    newest.length > 0
      ? `The newest there: ${newest.join(', ')}.`
      : 'It has none at all: check the destination in the runbook.',
  )
}

/** A URI or path ends in the key of a dump; what is before it is the store. */
async function byPlace({ backup, root, variables, openOwn, reading }: FindRequest): Promise<Found> {
  const isUri = /^(file|s3):\/\//.test(backup)
  if (!isUri && (!backup.includes('.dump.zst') || backup.includes('://')))
    throw InputError.of('backup', backup, acceptedBackups)
  const uri = isUri ? backup : destinationOf(resolve(root, backup))
  const key = uri.split('/').slice(-2).join('/')
  const place = uri.slice(0, -key.length - 1)
  const name = parseKey(key)
  if (name?.kind !== 'dump') throw InputError.of('backup', backup, acceptedBackups)
  // A URI does not say the endpoint and the options with which the runbook names the same store.
  // One that the runbook does not name is not needed.
  const own = await openOwn().catch((error: unknown) => {
    if (error instanceof InputError) return undefined
    throw error
  })
  const store = own?.uri === place ? own : await openStore('backup', place, variables)
  return readFound(store, { ...name, key, dumps: [key], hasDump: true, hasManifest: true }, reading)
}

async function readFound(store: Store, listed: Listed, reading: Reading): Promise<Found> {
  try {
    return { store, ...(await readManifest(store, listed, reading)) }
  } catch (error) {
    reading.signal.throwIfAborted()
    if (!(error instanceof ToolError)) throw error
    // What is not trusted, or too large, has a reason of its own.
    if (error.reason !== undefined) throw error
    throw refused(
      `${store.uri}/${listed.key} has no manifest that can be read, so it is no backup: ${error.message}`,
      error.hint,
      error,
    )
  }
}

/** What a backup must be to be found, for the message that there is none. */
function demandsOf({ keys, encrypted }: Reading): string {
  const demands = [
    keys.length > 0 ? 'signed (backup.signed-by)' : '',
    encrypted ? 'encrypted (backup.encrypt-to)' : '',
  ]
  const named = demands.filter(demand => demand !== '').join(' and ')
  return named === '' ? '' : ` that is ${named}, as the runbook demands`
}

/** The refusal of a restore before anything was changed. */
export function refused(message: string, hint: string, cause?: unknown): ToolError {
  return new ToolError(message, { tool: 'restore-db', hint, cause, reason: 'restore-refused' })
}
