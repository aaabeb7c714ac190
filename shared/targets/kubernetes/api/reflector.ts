import type { Clock } from '../../../host/clock.ts'
import { ApiError } from './api-error.ts'
import type { Sink } from '../apply/belongings.ts'
import { GoneError, type Client, type Query } from './client.ts'
import type { KubeObject } from '../manifests/objects.ts'

/** A collection that is kept up to date by a watch. */
export interface Reflector {
  /** The whole collection was read once. */
  readonly listed: Promise<void>
  /** Fails when the signal is aborted, or the API refuses for good. */
  readonly running: Promise<never>
}

export interface ReflectorOptions<T> {
  client: Client
  clock: Clock
  path: string
  query: Query
  signal: AbortSignal
  /** What is kept of an item; undefined: nothing. */
  trim: (item: KubeObject) => T | undefined
  sink: Sink<T>
  /** Told after each change. */
  changed: () => void
}

/** Pauses between attempts while the API does not answer, milliseconds. */
const pauses = [100, 200, 500, 1_000, 2_000]
/**
 * Items of one page of a list: of 5,000 pods, pages of 100 leave a process 70 MiB smaller than pages of 500, since what is
 * parsed is dropped before the next.
 */
const pageSize = '100'
/** A watch that was open for longer has only ended, or had nothing to say. */
const wellMs = 5_000
/** An API server that has just started refuses what it permits a moment later, until it has read its own rules. */
const refusedMs = 30_000

/**
 * Lists a collection page by page, then watches it from there; goes on from the last version that it heard of when the
 * watch breaks, ends or falls silent, and lists again when that is too old.
 */
export function reflect<T>(options: ReflectorOptions<T>): Reflector {
  const { client, clock, path, query, signal, trim, sink, changed } = options
  const known = new Set<string>()
  let version: string | undefined
  let failures = 0
  let refusedSince: number | undefined
  let finish: () => void = () => undefined
  const listed = new Promise<void>(resolve => {
    finish = resolve
  })

  const put = (item: KubeObject): void => {
    const { uid = '' } = item.metadata
    const kept = trim(item)
    if (kept === undefined) {
      drop(uid)
      return
    }
    known.add(uid)
    sink.put(kept)
  }
  const drop = (uid: string): void => {
    if (known.delete(uid)) sink.drop(uid)
  }
  const list = async (): Promise<string> => {
    const found = new Set<string>()
    let last = ''
    for await (const { items, resourceVersion } of client.pages(path, { ...query, limit: pageSize })) {
      for (const item of items) {
        put(item)
        found.add(item.metadata.uid ?? '')
      }
      last = resourceVersion
    }
    for (const uid of known) if (!found.has(uid)) drop(uid)
    changed()
    return last
  }
  const follow = async (from: string): Promise<void> => {
    for await (const { type, object } of client.watch(path, { ...query, resourceVersion: from }, signal)) {
      failures = 0
      version = object.metadata.resourceVersion ?? version
      if (type === 'BOOKMARK') continue
      if (type === 'DELETED') drop(object.metadata.uid ?? '')
      else put(object)
      changed()
    }
  }
  const refusedForGood = (error: unknown): boolean => {
    if (!(error instanceof ApiError) || ![401, 403, 404].includes(error.status)) return false
    refusedSince ??= clock.elapsed()
    return version === undefined && known.size === 0 ? true : clock.elapsed() - refusedSince > refusedMs
  }
  const run = async (): Promise<never> => {
    for (;;) {
      const began = clock.elapsed()
      try {
        version ??= await list()
        finish()
        refusedSince = undefined
        await follow(version)
      } catch (error) {
        signal.throwIfAborted()
        if (refusedForGood(error)) throw error
        if (isTooOld(error)) version = undefined
      }
      if (clock.elapsed() - began > wellMs) failures = 0
      await clock.sleep(pauses[Math.min(failures++, pauses.length - 1)] ?? 0, signal)
    }
  }
  const running = run()
  running.catch(() => undefined)
  return { listed, running }
}

function isTooOld(error: unknown): boolean {
  return error instanceof GoneError || (error instanceof ApiError && error.status === 410)
}
