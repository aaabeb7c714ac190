import type { Readable } from 'node:stream'
import { collectWithin } from '../../host/within-limit.ts'

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

/** A manifest of ten thousand tables has some MB; one that would be larger than this is not written. */
export const mostTextBytes = 32 * 2 ** 20

/** An object's text, at most 32 MiB of it: for manifests. @throws ToolError (`too-large`) */
export async function readText(store: Store, key: string, signal: AbortSignal): Promise<string> {
  const source = (await store.get(key, signal)) as AsyncIterable<Buffer>
  const bytes = await collectWithin(source, { what: `${store.uri}/${key}`, mostBytes: mostTextBytes })
  return bytes.toString('utf8')
}
