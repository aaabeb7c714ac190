import { ApiError } from '../api/api-error.ts'
import type { Done, Fence } from '../apply/fence.ts'
import { describe, groupOf, type KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { isEnding, isReady, revisionHashKey, templateGenerationKey, type Pod } from './pods.ts'
import { progressOf } from './progress.ts'
import { trimPod } from '../apply/trim.ts'
import { templateGenerationOf } from './workload.ts'

/** A controller sees a change, and a pod that was deleted is ready again, within this; milliseconds. */
const seenMs = 10_000
const readyMs = 60_000
const lookEveryMs = 200

/**
 * With the strategy OnDelete a StatefulSet or DaemonSet keeps the pods that it has, those of a withdrawn release, too.
 * They are deleted, so that their controller creates them from the restored release: first all that are not ready, then
 * the others one by one, each when the one before is ready again. Pods of earlier revisions stay, and so do all claims.
 */
export async function replaceWithdrawnPods(place: Place, fence: Fence, done: Done[]): Promise<void> {
  for (const each of done) {
    const { before, after } = each
    if (before && after && isOnDelete(after)) await replacePods(place, fence, before, after)
  }
}

function isOnDelete({ apiVersion, kind, spec }: KubeObject): boolean {
  const strategy = spec?.['updateStrategy'] as { type?: string } | undefined
  return (
    groupOf(apiVersion) === 'apps' &&
    (kind === 'StatefulSet' || kind === 'DaemonSet') &&
    strategy?.type === 'OnDelete'
  )
}

async function replacePods(place: Place, fence: Fence, before: KubeObject, after: KubeObject): Promise<void> {
  const { log } = place.adapters
  const live = await awaitState(place, after, seenMs, object => progressOf(object).kind !== 'unseen')
  const pods = live ? await withdrawnPods(place, before, live) : []
  const failing = pods.filter(pod => !isReady(pod))
  for (const pod of failing) await removePod(place, fence, after, pod)
  for (const pod of pods.filter(isReady)) {
    await removePod(place, fence, after, pod)
    const back = await awaitState(place, after, readyMs, async object => {
      const left = await podsOf(place, object)
      const gone = !left.some(({ metadata }) => metadata.uid === pod.metadata.uid)
      return gone && progressOf(object).kind === 'done' && left.every(isReady)
    })
    if (back) continue
    log.warn(`${describe(after)} is not ready again; its other pods of the withdrawn release are left.`)
    return
  }
}

/** Pods of the revision that the withdrawn release had, when the restored one has another. */
async function withdrawnPods(place: Place, before: KubeObject, live: KubeObject): Promise<Pod[]> {
  const [label, withdrawn, restored] =
    live.kind === 'StatefulSet'
      ? [revisionHashKey, updateRevisionOf(before), updateRevisionOf(live)]
      : [templateGenerationKey, templateGenerationOf(before), templateGenerationOf(live)]
  if (withdrawn === undefined || withdrawn === restored) return []
  const pods = await podsOf(place, live)
  return pods.filter(pod => pod.metadata.labels?.[label] === withdrawn && !isEnding(pod))
}

function updateRevisionOf(object: KubeObject): string | undefined {
  return (object['status'] as { updateRevision?: string } | undefined)?.updateRevision
}

async function podsOf({ client, namespace }: Place, { metadata }: KubeObject): Promise<Pod[]> {
  const { items } = await client.list(`/api/v1/namespaces/${namespace}/pods`)
  return items
    .map(trimPod)
    .filter(pod => pod.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid))
}

async function removePod(
  { client, namespace, adapters }: Place,
  fence: Fence,
  owner: KubeObject,
  { metadata }: Pod,
): Promise<void> {
  await fence.check()
  try {
    await client.remove(`/api/v1/namespaces/${namespace}/pods/${metadata.name}`, {
      preconditions: { uid: metadata.uid },
    })
    adapters.log.info(
      `Deleted pod ${metadata.name} of the withdrawn release: ${describe(owner)} creates it again.`,
    )
  } catch (error) {
    // It has been replaced already.
    if (!(error instanceof ApiError) || error.status !== 409) throw error
  }
}

/** The live object once it is as wanted; undefined when it is not within the time given. */
async function awaitState(
  { client, paths, adapters }: Place,
  object: KubeObject,
  timeoutMs: number,
  wanted: (live: KubeObject) => boolean | Promise<boolean>,
): Promise<KubeObject | undefined> {
  const { clock, signal } = adapters
  const path = await paths.of(object)
  const giveUp = clock.elapsed() + timeoutMs
  for (;;) {
    const live = await client.get(path)
    if (live && (await wanted(live))) return live
    if (!live || clock.elapsed() >= giveUp) return undefined
    await clock.sleep(lookEveryMs, signal)
  }
}
