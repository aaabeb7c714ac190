import { ToolError } from '../../../outcome/errors.ts'
import type { Fence, Write } from './fence.ts'
import { describe, fieldManager, type KubeObject } from '../manifests/objects.ts'
import { propagationOf } from './replace.ts'
import { deletesClaims } from '../state.ts'

/**
 * No object has the version that etcd begins with: an apply that carries it creates, and is refused with 409 when the
 * object is there (seen on 1.35), so that a creation that comes late does not overwrite what another client has made.
 */
const absent = { resourceVersion: '1' }

/** How long an object that is replaced may take to be gone, and how often that is looked at, milliseconds. */
const goneMs = 30_000
const goneEveryMs = 100

/**
 * Makes the writes that are planned for one object, each with the uid and resourceVersion that the object has by then.
 * @param live as it was read, undefined when it is not there
 * @returns the object as it is then, undefined when it is not there
 * @throws ApiError, also when the object has changed since it was read
 */
export async function carryOut(
  fence: Fence,
  path: string,
  live: KubeObject | undefined,
  writes: Write[],
): Promise<KubeObject | undefined> {
  let now = live
  for (const write of writes) now = await make(fence, path, now, write)
  return now
}

async function make(
  fence: Fence,
  path: string,
  live: KubeObject | undefined,
  write: Write,
): Promise<KubeObject | undefined> {
  const { client } = fence
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
      const preconditions = { uid, resourceVersion }
      if (deletesClaims(live)) await removeWithoutClaims(fence, path, live)
      else await client.remove(path, { preconditions, propagationPolicy: 'Background' })
      return undefined
    }
    case 'replace': {
      if (!live) throw new Error(`${describe(write.object)} is not there to be replaced`)
      const { uid, resourceVersion } = live.metadata
      await client.remove(path, {
        preconditions: { uid, resourceVersion },
        propagationPolicy: propagationOf(live),
      })
      await awaitGone(fence, path, live)
      await fence.check()
      const object = { ...write.object, metadata: { ...write.object.metadata, ...absent } }
      return client.patch(path, 'apply', object, { fieldManager, force: 'true', fieldValidation: 'Strict' })
    }
  }
}

/**
 * Deletes a StatefulSet and its pods, and leaves its claims although it would take them along: deleted as an orphan's
 * parent, it lets go of both.
 */
async function removeWithoutClaims(fence: Fence, path: string, live: KubeObject): Promise<void> {
  const { client } = fence
  const { uid, resourceVersion, namespace = '' } = live.metadata
  const pods = `/api/v1/namespaces/${namespace}/pods`
  const { items } = await client.list(pods)
  await client.remove(path, { preconditions: { uid, resourceVersion }, propagationPolicy: 'Orphan' })
  await awaitGone(fence, path, live)
  for (const { metadata } of items) {
    if (!metadata.ownerReferences?.some(each => each.uid === uid)) continue
    await fence.check()
    await client.remove(`${pods}/${metadata.name}`, { preconditions: { uid: metadata.uid } })
  }
}

/** Waits until an object that is being deleted is gone: finalizers, and the garbage collector, may take a while. */
async function awaitGone({ client, clock, signal }: Fence, path: string, old: KubeObject): Promise<void> {
  const giveUp = clock.elapsed() + goneMs
  for (;;) {
    const live = await client.get(path)
    if (!live || live.metadata.uid !== old.metadata.uid) return
    if (clock.elapsed() >= giveUp) {
      const finalizers = (live.metadata['finalizers'] ?? []) as string[]
      throw new ToolError(
        `${describe(old)} is being deleted, and is still there after ${goneMs / 1_000} s; its finalizers: ${finalizers.join(', ') || 'none'}`,
        {
          tool: 'Kubernetes API',
          hint: `See what keeps it (kubectl describe), then run the rollback again.`,
        },
      )
    }
    await clock.sleep(goneEveryMs, signal)
  }
}
