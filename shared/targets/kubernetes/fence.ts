import { InputError, ToolError } from '../../outcome/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { ApiError } from './api-error.ts'
import type { Client } from './client.ts'
import { waveOf } from './manifests.ts'
import { describe, fieldManager, isDefinedBy, type KubeObject, type ManagedFields } from './objects.ts'
import type { Paths } from './resources.ts'

/** One write to an object; several of one object are made in their order, each upon the other. */
export type Write =
  | { type: 'apply'; object: KubeObject; force: boolean }
  /** Who owns which field, and nothing else. */
  | { type: 'own'; managedFields: ManagedFields[] }
  | { type: 'delete' }

/** What is to be done about one object. */
export interface Work {
  object: KubeObject
  /** Decides from the object as it is now. Asked again when it changed meanwhile. */
  plan(live: KubeObject | undefined): Write[]
}

/** What was done: undefined stands for an object that is not there. */
export interface Done {
  object: KubeObject
  before: KubeObject | undefined
  after: KubeObject | undefined
}

export interface Fence {
  client: Client
  paths: Paths
  clock: Clock
  signal: AbortSignal
  /** Reads the lease again and throws a LeaseLostError when it is somebody else's. */
  check(): Promise<void>
}

/** How long a new kind may take until it is served. */
const establishMs = 10_000
/** An object that its controller writes to all the time is met in the end; this many misses mean something else. */
const rounds = 25

/**
 * Changes objects as DESIGN section 5 says: they are read, *then* the lease is read again, then each is written with the
 * uid and resourceVersion that were read. Who takes over changes the objects after taking the lease, so a write of an
 * earlier holder is refused, however late it comes. Objects that changed meanwhile start again at the reading. What
 * others build on is changed first.
 */
export async function changeFenced(fence: Fence, works: Work[]): Promise<Done[]> {
  const done = new Map<Work, Done>()
  for (const wave of [0, 1, 2]) {
    const now = works.filter(({ object }) => waveOf(object) === wave)
    if (now.length === 0) continue
    await established(fence, now, works)
    await changeWave(fence, now, done)
  }
  return works.map(work => done.get(work)).filter(each => each !== undefined)
}

/** The API serves a kind a moment after its definition was applied. */
async function established({ paths, clock, signal }: Fence, now: Work[], works: Work[]): Promise<void> {
  const all = works.map(({ object }) => object)
  for (const { object } of now.filter(({ object }) => isDefinedBy(object, all))) {
    for (let left = establishMs; ; left -= 200) {
      const served = await paths.of(object).catch((error: unknown) => {
        if (error instanceof InputError && left > 0) return undefined
        throw error
      })
      if (served !== undefined) break
      await clock.sleep(200, signal)
    }
  }
}

async function changeWave(fence: Fence, works: Work[], done: Map<Work, Done>): Promise<void> {
  let left = works
  for (let round = 0; left.length > 0; round++) {
    if (round === rounds) throw tooBusy(left)
    if (round > 1) await fence.clock.sleep(Math.min(20 * round, 250), fence.signal)
    const found = await Promise.all(
      left.map(async work => {
        const path = await fence.paths.of(work.object)
        return { work, path, live: await fence.client.get(path) }
      }),
    )
    await fence.check()
    left = []
    const results = await Promise.allSettled(
      found.map(async ({ work, path, live }) => {
        const after = await carryOut(fence, path, live, work.plan(live))
        if (after === 'stale') left.push(work)
        else done.set(work, { object: work.object, before: live, after })
      }),
    )
    const failed = results.find(result => result.status === 'rejected')
    if (failed) throw failed.reason
  }
}

async function carryOut(
  { client }: Fence,
  path: string,
  live: KubeObject | undefined,
  writes: Write[],
): Promise<KubeObject | undefined | 'stale'> {
  let now = live
  try {
    for (const write of writes) now = await make(client, path, now, write)
    return now
  } catch (error) {
    // Whether it was carried out is not known, or somebody was faster: reading tells.
    if (error instanceof ApiError && (error.stale || error.unknown || (error.status === 404 && now))) {
      return 'stale'
    }
    throw error
  }
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
      const object = live
        ? { ...write.object, metadata: { ...write.object.metadata, uid, resourceVersion } }
        : write.object
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
