import { ApiError } from '../api/api-error.ts'
import type { Fence } from './fence.ts'
import { describe, groupOf, keyOf, type KubeObject } from '../manifests/objects.ts'
import { isEnding, isReady, revisionHashKey } from '../rollout/pods.ts'
import { trimPod } from './trim.ts'
import { progressOf } from '../rollout/progress.ts'
import type { Place } from '../state/place.ts'

/** A controller sees a change within milliseconds; a busy one within this. */
const seenMs = 10_000
const lookEveryMs = 200

/**
 * A StatefulSet that updates its pods in order waits for each to be ready before it touches the next, even for one of a
 * release that failed and never can be (kubernetes/kubernetes#67250). Such pods are deleted: then their controller creates
 * them again, of the release that was just applied or restored. Their volumes stay.
 */
export async function unstick(place: Place, fence: Fence, objects: KubeObject[]): Promise<void> {
  const ordered = objects.filter(
    ({ apiVersion, kind, spec }) =>
      groupOf(apiVersion) === 'apps' &&
      kind === 'StatefulSet' &&
      spec?.['podManagementPolicy'] !== 'Parallel',
  )
  await Promise.all(ordered.map(each => unstickOne(place, fence, each)))
}

async function unstickOne({ client, paths, namespace, adapters }: Place, fence: Fence, manifest: KubeObject) {
  const { clock, log, signal } = adapters
  const path = await paths.of(manifest)
  const giveUp = clock.elapsed() + seenMs
  let live = await client.get(path)
  while (live && progressOf(live).kind === 'unseen' && clock.elapsed() < giveUp) {
    await clock.sleep(lookEveryMs, signal)
    live = await client.get(path)
  }
  const { updateRevision } = (live?.['status'] ?? {}) as { updateRevision?: string }
  if (!live || updateRevision === undefined || progressOf(live).kind !== 'going') return
  const { items } = await client.list(`/api/v1/namespaces/${namespace}/pods`)
  const stuck = items
    .map(trimPod)
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === live.metadata.uid))
    .filter(pod => pod.metadata.labels?.[revisionHashKey] !== updateRevision)
    .filter(pod => !isReady(pod) && !isEnding(pod))
  for (const { metadata } of stuck) {
    await fence.check()
    try {
      await client.remove(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`, {
        preconditions: { uid: metadata.uid },
      })
      log.info(
        `Deleted pod ${metadata.name}, which held ${describe(manifest)} up; its controller creates it again.`,
      )
    } catch (error) {
      if (!(error instanceof ApiError) || ![403, 409].includes(error.status)) throw error
      if (error.status === 403) log.warn(`${keyOf(manifest)} is held up by a pod: ${error.message}`)
    }
  }
}
