import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { resolve } from 'node:path'
import { InputError, ToolError } from '../outcome/errors.ts'

/** A place where backups are kept. Keys have slashes between their parts and never start with one. */
export interface Store {
  /** `file:///dir` or `s3://bucket/prefix`, without a slash at its end. */
  uri: string
  /** Writes all of an object, or nothing: what fails or is aborted on the way leaves no trace. */
  put(key: string, body: Readable, options: PutOptions): Promise<void>
  /** @throws ToolError when there is no such object */
  get(key: string, signal: AbortSignal): Promise<Readable>
  /** Keys of all objects, in order. */
  list(signal: AbortSignal): Promise<string[]>
  /** Removes objects; one that is not there is no error. */
  remove(keys: string[]): Promise<void>
  /**
   * Removes what writes that were killed have left: drafts and half uploads, which `list` never shows.
   * @param mine which keys they must have been meant for
   * @param before milliseconds since 1970: younger ones may still be under way
   */
  removeAbandoned(mine: (key: string) => boolean, before: number, signal: AbortSignal): Promise<void>
}

export interface PutOptions {
  /** An upper estimate, in bytes: a store may size its parts by it. */
  expectedBytes: number
  signal: AbortSignal
}

/** What `openStore` accepts, for messages. */
export const acceptedDestinations =
  'file:///dir or s3://bucket/prefix, the latter with ?endpoint=, sse=, kms-key=, lock= and lock-days= where they are needed'

/**
 * Opens the store that a destination names. Nothing is read or written yet.
 * @param where the input's name or `file:line`, for errors
 * @param env for the object store: AWS_* credentials, region and endpoint
 */
export async function openStore(
  where: string,
  destination: string,
  env: Record<string, string | undefined>,
): Promise<Store> {
  const s3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^?]*))?(?:\?(.*))?$/.exec(destination)
  if (s3?.[1] !== undefined) {
    const prefix = (s3[2] ?? '').replace(/^\/+|\/+$/g, '')
    if (prefix.split('/').some(part => part === '..' || part === '.'))
      throw InputError.of(where, destination, acceptedDestinations)
    const { openS3Store } = await import('./s3-store.ts')
    const { parseS3Options } = await import('./s3-options.ts')
    return openS3Store(s3[1], prefix, parseS3Options(where, s3[3] ?? ''), env)
  }
  if (/^file:\/\/\/./.test(destination)) {
    const { openFileStore } = await import('./file-store.ts')
    return openFileStore(pathOf(where, destination))
  }
  throw InputError.of(where, destination, acceptedDestinations)
}

/** The destination that a local folder is. */
export function destinationOf(folder: string): string {
  return pathToFileURL(resolve(folder)).href
}

/** An object's text, at most 16 MiB of it: for manifests. */
export async function readText(store: Store, key: string, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of await store.get(key, signal)) {
    chunks.push(chunk as Buffer)
    bytes += (chunk as Buffer).length
    if (bytes > 16 * 2 ** 20)
      throw new ToolError(`${store.uri}/${key} is too large for a manifest`, {
        tool: 'backup store',
        hint: 'It was not written by this suite. Look at who wrote it.',
      })
  }
  return Buffer.concat(chunks).toString('utf8')
}

function pathOf(where: string, destination: string): string {
  try {
    const path = decodeURIComponent(new URL(destination).pathname).replace(/\/+$/, '')
    if (path !== '' && !path.includes('\0')) return path
  } catch {
    // Falls through to the same answer as an empty path.
  }
  throw InputError.of(where, destination, acceptedDestinations)
}
