import { InputError, ToolError } from '../../../outcome/errors.ts'
import { ApiError } from '../api/api-error.ts'
import { carryOut } from './carry-out.ts'
import { established, served } from '../api/definitions.ts'
import { awaitDeletion, isBeingDeleted } from './deletion.ts'
import { explain } from '../rollout/explain.ts'
import type { Done, Fence, Work, Write } from './fence.ts'
import { readListed } from '../manifests/listed.ts'
import { describe, isDefinedBy, type KubeObject } from '../manifests/objects.ts'
import { waveOf, waves } from '../manifests/order.ts'
import { inPool } from '../api/pool.ts'
import { replacement } from './replace.ts'

/** An object that its controller writes to all the time is met in the end; this many misses mean something else. */
const rounds = 25
/**
 * Pauses after writes of which it is not known whether they were carried out (no answer, 5xx), milliseconds; together 21 s,
 * in which an API server that restarts is back.
 */
const pauses = [200, 400, 800, 1_600, 3_000, 5_000, 5_000, 5_000]
/** Refusals by a kind that is new or has just changed are believed after so many pauses: its servers learn it one by one. */
const freshPauses = 4
/** How long an object that is being deleted is waited for, milliseconds. */
const deletionMs = 30_000
/** Objects that are read together before one look at the lease; few enough that they are still as they were read. */
const batchSize = 32
/** While one batch is read another is written. */
const batches = 2

/** An object that could not be changed, and why. */
export interface Refused {
  object: KubeObject
  error: InputError | ToolError
}

/**
 * Changes objects under the fence: they are read, *then* the lease is read again, then each is written with the uid and
 * resourceVersion that were read. Who takes over changes the objects after taking the lease, so a write of an earlier
 * holder is refused, however late it comes. Objects that changed meanwhile, and those of which no answer came, start
 * again at the reading. What others build on is changed first.
 * @throws ToolError with the reason of the first object that the API server refuses; later ones are left alone
 */
export function changeFenced(fence: Fence, works: Work[]): Promise<Done[]> {
  return changeWaves(fence, works, ({ error }) => {
    throw error
  })
}

/**
 * The same, but an object that the API server refuses keeps no other from being changed.
 * @param before called ahead of each wave with what has been done so far
 * @returns what was done, and what was refused
 * @throws ToolError when the API server does not answer at all; LeaseLostError when the lease is lost
 */
export async function changeEach(
  fence: Fence,
  works: Work[],
  before?: BeforeWave,
): Promise<{ done: Done[]; refused: Refused[] }> {
  const refused: Refused[] = []
  const done = await changeWaves(fence, works, each => void refused.push(each), before)
  return { done, refused }
}

/** @param wave as `waveOf` numbers it */
type BeforeWave = (wave: number, done: Done[]) => Promise<void>

/** Receives what is refused; throws to end the whole change. */
type Refuse = (refused: Refused) => void

async function changeWaves(
  fence: Fence,
  works: Work[],
  refuse: Refuse,
  before?: BeforeWave,
): Promise<Done[]> {
  const knowledge: Knowledge = {
    known: new Map(),
    done: new Map(),
    fresh: new Set(),
    replaced: new Map(),
    refuse,
  }
  const { done, fresh } = knowledge
  for (const wave of waves) {
    const now = works.filter(({ object }) => waveOf(object) === wave)
    if (now.length === 0) continue
    await before?.(wave, [...done.values()])
    await changeWave(fence, now, knowledge)
    if (wave !== waves[0]) continue
    for (const work of now) {
      const applied = done.get(work)
      if (!applied) continue
      const changed = await orRefused(work.object, refuse, () => established(fence, [applied]))
      for (const each of works) if (isDefinedBy(each.object, changed ?? [])) fresh.add(each)
    }
    // What is still not served is refused when its turn comes.
    for (const work of fresh)
      await orRefused(
        work.object,
        () => undefined,
        () => served(fence, [work]),
      )
  }
  return works.map(work => done.get(work)).filter(each => each !== undefined)
}

/** What the work gives, or undefined when it was refused. */
async function orRefused<T>(
  object: KubeObject,
  refuse: Refuse,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (cause) {
    const error = explain(cause, object)
    // Nothing answers: the other objects would not be answered for either.
    const silent = cause instanceof ApiError && cause.status === 0
    if (silent || !(error instanceof InputError || error instanceof ToolError)) throw error
    refuse({ object, error })
    return undefined
  }
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
  /** Works whose object cannot be changed, with the live object that gives way to a new one. */
  replaced: Map<Work, Replaced>
  refuse: Refuse
}

interface Replaced {
  uid: string | undefined
  /** As it was before it was deleted. */
  before: KubeObject
}

async function changeWave(fence: Fence, works: Work[], knowledge: Knowledge): Promise<void> {
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
        missed.push(...(await changeBatch(fence, batch, { ...knowledge, known })))
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
    const unanswered = missed.filter(({ error }) => error !== undefined)
    const [first] = unanswered
    if (first?.error) {
      if (silent < (first.error.unknown ? pauses.length : freshPauses)) {
        await fence.clock.sleep(pauses[silent++] ?? 0, fence.signal)
        continue
      }
      for (const { work, error } of unanswered)
        await orRefused(work.object, knowledge.refuse, () => Promise.reject(error ?? new Error('no answer')))
      left = missed.filter(({ error }) => error === undefined).map(({ work }) => work)
      if (left.length === 0) return
    } else {
      if (++stale === rounds) throw tooBusy(left)
      if (stale > 1) await fence.clock.sleep(Math.min(20 * stale, 250), fence.signal)
    }
  }
}

interface Found {
  work: Work
  path: string
  live: KubeObject | undefined
}

/** @returns what has to be done again */
async function changeBatch(fence: Fence, works: Work[], knowledge: Knowledge): Promise<Missed[]> {
  const { known, refuse } = knowledge
  const read = await Promise.all(
    works.map(work =>
      orRefused(work.object, refuse, async (): Promise<Found> => {
        const path = await fence.paths.of(work.object)
        const there = known.has(work.object) ? known.get(work.object) : await fence.client.get(path)
        const live = await unlessDying(fence, work, path, there)
        return { work, path, live }
      }),
    ),
  )
  const found = read.filter(each => each !== undefined)
  if (found.length === 0) return []
  await fence.check()
  const results = await Promise.allSettled(found.map(each => changeOne(fence, each, knowledge)))
  const failure = results.find(result => result.status === 'rejected')
  if (failure) throw failure.reason
  return results.flatMap(result => (result.status === 'fulfilled' && result.value ? [result.value] : []))
}

async function changeOne(fence: Fence, found: Found, knowledge: Knowledge): Promise<Missed | undefined> {
  const { work, path, live } = found
  const { done, fresh, replaced, refuse } = knowledge
  const old = replaced.get(work)
  try {
    const planned = work.plan(live)
    const writes = live && old && live.metadata.uid === old.uid ? replacing(planned, live) : planned
    const after = await carryOut(fence, path, live, writes)
    done.set(work, { object: work.object, before: old?.before ?? live, after, replaced: old !== undefined })
    return undefined
  } catch (error) {
    if (error instanceof ApiError) {
      // It was changed or removed since it was read: it is read again.
      if (error.stale || (error.status === 404 && live)) return { work }
      // Whether it was carried out is not known; or the kind is not known everywhere yet.
      const early = fresh.has(work) && [400, 404, 422].includes(error.status)
      if (error.unknown || early) return { work, error }
      if (live && !old && (await work.mayReplace?.(error, live))) {
        replaced.set(work, { uid: live.metadata.uid, before: live })
        return { work }
      }
    }
    await orRefused(work.object, refuse, () => Promise.reject(error as Error))
    return undefined
  }
}

/** The object is deleted and made anew instead of being changed. */
function replacing(writes: Write[], live: KubeObject): Write[] {
  const applied = writes.find(write => write.type === 'apply')
  return applied ? [{ type: 'replace', object: replacement(applied.object, live) }] : writes
}

/** An object that is being deleted takes every change with it: one that is to be there is waited for, then made anew. */
async function unlessDying(
  { client, clock, signal, tell }: Fence,
  work: Work,
  path: string,
  live: KubeObject | undefined,
): Promise<KubeObject | undefined> {
  if (!live || !isBeingDeleted(live) || !work.plan(live).some(({ type }) => type === 'apply')) return live
  return awaitDeletion({ client, clock, signal, tell }, path, { ...work.object, ...live }, deletionMs)
}

function inBatches(works: Work[]): Work[][] {
  return Array.from({ length: Math.ceil(works.length / batchSize) }, (_, index) =>
    works.slice(index * batchSize, (index + 1) * batchSize),
  )
}

function tooBusy(left: Work[]): ToolError {
  const names = left.map(({ object }) => describe(object)).join(', ')
  return new ToolError(`${names} changed each time before it could be written`, {
    tool: 'Kubernetes API',
    hint: 'Something else writes to it all the time: see who in its managedFields (kubectl get -o yaml --show-managed-fields).',
  })
}
