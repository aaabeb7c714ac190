import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InputError } from '../../outcome/errors.ts'
import { withoutEnd, withoutStart } from '../../outcome/strip.ts'
import type { Store } from './store.ts'

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
    const prefix = withoutEnd(withoutStart(s3[2] ?? '', '/'), '/')
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

function pathOf(where: string, destination: string): string {
  try {
    const path = withoutEnd(decodeURIComponent(new URL(destination).pathname), '/')
    if (path !== '' && !path.includes('\0')) return path
  } catch {
    // Falls through to the same answer as an empty path.
  }
  throw InputError.of(where, destination, acceptedDestinations)
}
