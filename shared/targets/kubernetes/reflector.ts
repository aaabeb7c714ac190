import type { Clock } from '../../platform/clock.ts'
import { ApiError } from './api-error.ts'
import type { KubeObject } from './objects.ts'
import { GoneError, type Client, type Query } from './client.ts'

/** A collection as it is now, kept up to date by a watch. */
export interface Reflector<T> {
  readonly items: ReadonlyMap<string, T>
  /** Fails when the signal is aborted, or the API refuses for good. */
  readonly running: Promise<never>
}

export interface ReflectorOptions<T> {
  client: Client
  clock: Clock
  path: string
  query: Query
  signal: AbortSignal
  /** What is kept of an item. */
  trim(item: KubeObject): T
  changed(): void
}

/** Pauses between attempts while the API does not answer, milliseconds. */
const pauses = [100, 200, 500, 1_000, 2_000]

/**
 * Lists a collection, then watches it; lists again when the watch is too old, breaks or falls silent.
 * @returns once the first list is there
 */
export async function reflect<T>(options: ReflectorOptions<T>): Promise<Reflector<T>> {
  const { client, clock, path, query, signal } = options
  const items = new Map<string, T>()

  const list = async (): Promise<string> => {
    const { items: found, resourceVersion } = await client.list(path, query)
    items.clear()
    for (const item of found) items.set(item.metadata.uid ?? '', options.trim(item))
    return resourceVersion
  }
  const follow = async (from: string): Promise<string> => {
    let version = from
    for await (const { type, object } of client.watch(path, { ...query, resourceVersion: from }, signal)) {
      version = object.metadata.resourceVersion ?? version
      if (type === 'BOOKMARK') continue
      if (type === 'DELETED') items.delete(object.metadata.uid ?? '')
      else items.set(object.metadata.uid ?? '', options.trim(object))
      options.changed()
    }
    return version
  }
  const again = async (): Promise<string> => {
    const version = await list()
    options.changed()
    return version
  }
  const run = async (from: string): Promise<never> => {
    let version: string | undefined = from
    for (let failures = 0; ;) {
      try {
        version = await follow(version ?? (await again()))
        failures = 0
      } catch (error) {
        signal.throwIfAborted()
        if (error instanceof ApiError && [401, 403, 404].includes(error.status)) throw error
        version = undefined
        if (error instanceof GoneError) continue
        await clock.sleep(pauses[Math.min(failures++, pauses.length - 1)] ?? 0, signal)
      }
    }
  }
  const running = run(await list())
  running.catch(() => undefined)
  return { items, running }
}
