import { ToolError } from '../../outcome/errors.ts'
import { ApiError } from './api-error.ts'
import type { Client } from './client.ts'
import { established, served } from './definitions.ts'
import { explain } from './explain.ts'
import type { Done, Fence, Work, Write } from './fence.ts'
import { readListed } from './listed.ts'
import { describe, fieldManager, isDefinedBy, type KubeObject } from './objects.ts'
import { waveOf, waves } from './order.ts'
import { inPool } from './pool.ts'

/**
 * No object has the version that etcd begins with: an apply that carries it creates, and is refused with 409 when the
 * object is there (seen on 1.35), so that a creation that comes late does not overwrite what somebody else has made.
 */
const absent = { resourceVersion: '1' }

/** An object that its controller writes to all the time is met in the end; this many misses mean something else. */
const rounds = 25
/**
 * Pauses after writes of which nobody knows whether they were carried out (no answer, 5xx), milliseconds; together 21 s,
 * in which an API server that restarts is back.
 */
const pauses = [200, 400, 800, 1_600, 3_000, 5_000, 5_000, 5_000]
/** Refusals by a kind that is new or has just changed are believed after so many pauses: its servers learn it one by one. */
const freshPauses = 4
/** Objects that are read together before one look at the lease; few enough that they are still as they were read. */
const batchSize = 32
/** While one batch is read another is written. */
const batches = 2

/**
 * Changes objects as DESIGN section 5 says: they are read, *then* the lease is read again, then each is written with the
 * uid and resourceVersion that were read. Who takes over changes the objects after taking the lease, so a write of an
 * earlier holder is refused, however late it comes. Objects that changed meanwhile, and those of which no answer came,
 * start again at the reading. What others build on is changed first.
 * @throws ToolError with what the API server says of the first object that it refuses; later ones are left alone
 */
export async function changeFenced(fence: Fence, works: Work[]): Promise<Done[]> {
  const done = new Map<Work, Done>()
  const fresh = new Set<Work>()
  for (const wave of waves) {
    const now = works.filter(({ object }) => waveOf(object) === wave)
    if (now.length === 0) continue
    await changeWave(fence, now, done, fresh)
    if (wave !== waves[0]) continue
    const changed = await established(
      fence,
      now.map(work => done.get(work)).filter(each => each !== undefined),
    )
    for (const work of works) if (isDefinedBy(work.object, changed)) fresh.add(work)
    await served(fence, [...fresh])
  }
  return works.map(work => done.get(work)).filter(each => each !== undefined)
}

interface Missed {
  work: Work
  /** Undefined when it had only changed since it was read. */
  error?: ApiError
}

interface Knowledge {
  /** What was read already, before this look at the lease; undefined stands for an object that is not there. */
  known: Map<KubeObject, KubeObject | undefined>
  done: Map<Work, Done>
  /** Works whose kind is new or has just changed. */
  fresh: Set<Work>
}

async function changeWave(
  fence: Fence,
  works: Work[],
  done: Map<Work, Done>,
  fresh: Set<Work>,
): Promise<void> {
  let left = works
  let known = await readListed(
    fence,
    works.map(({ object }) => object),
  )
  for (let stale = 0, silent = 0; ;) {
    const missed: Missed[] = []
    let failed = false
    const results = await inPool(inBatches(left), batches, async batch => {
      if (failed) return
      try {
        missed.push(...(await changeBatch(fence, batch, { known, done, fresh })))
      } catch (error) {
        failed = true
        throw error
      }
    })
    const failure = results.find(result => result.status === 'rejected')
    if (failure) throw failure.reason
    if (missed.length === 0) return
    left = missed.map(({ work }) => work)
    known = new Map()
    const unanswered = missed.find(({ error }) => error !== undefined)
    if (unanswered?.error) {
      const { work, error } = unanswered
      const limit = error.unknown ? pauses.length : freshPauses
      if (silent >= limit) throw explain(error, work.object)
      await fence.clock.sleep(pauses[silent++] ?? 0, fence.signal)
    } else {
      if (++stale === rounds) throw tooBusy(left)
      if (stale > 1) await fence.clock.sleep(Math.min(20 * stale, 250), fence.signal)
    }
  }
}

/** @returns what has to be done again */
async function changeBatch(
  fence: Fence,
  works: Work[],
  { known, done, fresh }: Knowledge,
): Promise<Missed[]> {
  const found = await Promise.all(
    works.map(async work => {
      const path = await fence.paths.of(work.object)
      const live = known.has(work.object) ? known.get(work.object) : await fence.client.get(path)
      return { work, path, live }
    }),
  )
  await fence.check()
  const results = await Promise.allSettled(
    found.map(async ({ work, path, live }): Promise<Missed | undefined> => {
      try {
        const after = await carryOut(fence, path, live, work.plan(live))
        done.set(work, { object: work.object, before: live, after })
        return undefined
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        // Somebody was faster, or removed it: reading tells.
        if (error.stale || (error.status === 404 && live)) return { work }
        // Whether it was carried out is not known; or the kind is not known everywhere yet.
        const early = fresh.has(work) && [400, 404, 422].includes(error.status)
        if (error.unknown || early) return { work, error }
        throw explain(error, work.object)
      }
    }),
  )
  const failure = results.find(result => result.status === 'rejected')
  if (failure) throw failure.reason
  return results.flatMap(result => (result.status === 'fulfilled' && result.value ? [result.value] : []))
}

function inBatches(works: Work[]): Work[][] {
  return Array.from({ length: Math.ceil(works.length / batchSize) }, (_, index) =>
    works.slice(index * batchSize, (index + 1) * batchSize),
  )
}

async function carryOut(
  { client }: Fence,
  path: string,
  live: KubeObject | undefined,
  writes: Write[],
): Promise<KubeObject | undefined> {
  let now = live
  for (const write of writes) now = await make(client, path, now, write)
  return now
}

async function make(
  client: Client,
  path: string,
  live: KubeObject | undefined,
  write: Write,
): Promise<KubeObject | undefined> {
  switch (write.type) {
    case 'apply': {
      const { uid, resourceVersion } = live?.metadata ?? {}
      const seen = live ? { uid, resourceVersion } : absent
      const object = { ...write.object, metadata: { ...write.object.metadata, ...seen } }
      return client.patch(path, 'apply', object, {
        fieldManager,
        force: String(write.force),
        fieldValidation: 'Strict',
      })
    }
    case 'own':
      if (!live) return undefined
      return client.patch(path, 'json', [
        { op: 'test', path: '/metadata/uid', value: live.metadata.uid },
        { op: 'replace', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
        { op: 'replace', path: '/metadata/managedFields', value: write.managedFields },
      ])
    case 'delete': {
      if (!live) return undefined
      const { uid, resourceVersion } = live.metadata
      await client.remove(path, {
        preconditions: { uid, resourceVersion },
        propagationPolicy: 'Background',
      })
      return undefined
    }
  }
}

function tooBusy(left: Work[]): ToolError {
  const names = left.map(({ object }) => describe(object)).join(', ')
  return new ToolError(`${names} changed each time before it could be written`, {
    tool: 'Kubernetes API',
    hint: 'Something else writes to it all the time: see who in its managedFields (kubectl get -o yaml --show-managed-fields).',
  })
}
