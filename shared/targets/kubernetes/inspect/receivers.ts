import { before } from '../../../outcome/strip.ts'
import { find, type Entry, type Ledger } from '../../../release/ledger.ts'
import type { Receiver } from '../../../release/receiver.ts'
import { ApiError } from '../api/api-error.ts'
import { describeLive, findWorkload, versionOf } from './live.ts'
import { requireNamespace } from '../api/namespace.ts'
import { podTemplate, stamps, type KubeObject, type PodTemplate } from '../manifests/objects.ts'
import { isEnding, isReady, revisionHashKey, type Pod } from '../rollout/pods.ts'
import { sameTemplate } from '../restore/same-template.ts'
import type { Place } from '../state/place.ts'

/** What the pods of one revision of the workload are. */
type Origin = Pick<Receiver, 'release' | 'version' | 'image'>

/**
 * What the pods of the workload are that the Services send to: ready, and not being ended. While a rollout is under way,
 * or does not get any further, they are of several releases.
 * @throws ToolError when the namespace does not exist
 */
export async function readReceivers(place: Place): Promise<Receiver[]> {
  const { client, namespace, lease } = place
  const workload = await findWorkload(place)
  if (!workload) {
    await requireNamespace(place)
    return []
  }
  const [{ items }, revisions, { ledger }] = await Promise.all([
    client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector: selectorOf(workload) }),
    readOwned(place, workload),
    lease.read(),
  ])
  const ready = items.filter(item => {
    const pod = item as unknown as Pod
    return isReady(pod) && !isEnding(pod)
  })
  return countByOrigin(ready.map(pod => ({ pod, origin: originOf(pod, workload, revisions, ledger) })))
}

/** Pods of one origin are one line. */
function countByOrigin(pods: { pod: KubeObject; origin: Origin }[]): Receiver[] {
  const lines = new Map<string, Receiver>()
  for (const { pod, origin } of pods) {
    const key = JSON.stringify(origin)
    const { instances, since } = lines.get(key) ?? { instances: 0, since: '' }
    const from = readySince(pod)
    const earliest = since === '' || (from !== '' && from < since) ? from : since
    lines.set(key, { ...origin, instances: instances + 1, since: earliest })
  }
  return [...lines.values()].toSorted((a, b) => b.instances - a.instances)
}

/**
 * The workload itself says what its current revision is. An earlier one has the annotations that the workload had then
 * (controllers copy them to ReplicaSets and ControllerRevisions); where they may not be read, its image tells.
 */
export function originOf(
  pod: KubeObject,
  workload: KubeObject,
  revisions: KubeObject[] | undefined,
  ledger: Ledger,
): Origin {
  const { release, version, image } = describeLive(workload)
  const current = podTemplate(workload)
  const made = revisions?.find(revision => isMadeBy(pod, revision))
  const template = made && templateOf(made)
  const isCurrent = template ? sameTemplate(current, template) : sameImages(current, pod)
  // What was there before this suite bears no mark of it, and may be recorded all the same; what was set by hand since
  // is marked as something that it is not any more, and is no release.
  const isMarked = workload.metadata.annotations?.[stamps.image] !== undefined
  if (isCurrent && (isMarked || release !== null)) return { release, version, image }
  const images = imagesOf(pod)
  const noted = made?.metadata.annotations ?? {}
  const entry = recordedWith(ledger, images, noted[stamps.version], noted[stamps.image])
  if (entry) return { release: entry.id, version: entry.version, image: entry.image }
  const [first = ''] = images
  return { release: null, version: versionOf(first), image: first }
}

/** The release that serves by the ledger's word comes first, then the newest: several may have one image. */
function recordedWith(
  ledger: Ledger,
  images: string[],
  version: string | undefined,
  image: string | undefined,
): Entry | undefined {
  const candidates = [...ledger.entries, find(ledger, ledger.serving)].filter(entry => entry !== undefined)
  const noted = candidates.findLast(entry => entry.version === version && entry.image === image)
  return noted ?? candidates.findLast(entry => images.includes(entry.image))
}

/** Undefined where this account may not read them. */
async function readOwned(
  { client, namespace }: Place,
  workload: KubeObject,
): Promise<KubeObject[] | undefined> {
  const kept = workload.kind === 'Deployment' ? 'replicasets' : 'controllerrevisions'
  try {
    const { items } = await client.list(`/apis/apps/v1/namespaces/${namespace}/${kept}`)
    return items.filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === workload.metadata.uid),
    )
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  }
}

/** A ReplicaSet owns its pods; the pods of others name their ControllerRevision, or its hash, in a label. */
function isMadeBy({ metadata }: KubeObject, revision: KubeObject): boolean {
  if (metadata.ownerReferences?.some(({ uid }) => uid === revision.metadata.uid)) return true
  const hash = metadata.labels?.[revisionHashKey]
  return (
    hash !== undefined &&
    (hash === revision.metadata.name || hash === revision.metadata.labels?.[revisionHashKey])
  )
}

function templateOf(revision: KubeObject): PodTemplate | undefined {
  const { spec } = (revision['data'] ?? revision) as { spec?: { template?: PodTemplate } }
  return spec?.template
}

function sameImages(current: PodTemplate | undefined, pod: KubeObject): boolean {
  const wanted = (current?.spec.containers ?? []).map(({ image }) => image)
  const images = imagesOf(pod)
  return wanted.length > 0 && wanted.every(image => images.includes(image))
}

/** As the pod names them, and then by the digests that run: what was adopted is recorded by those. */
function imagesOf(pod: KubeObject): string[] {
  const { containers = [] } = (pod.spec ?? {}) as { containers?: { name: string; image?: string }[] }
  const { containerStatuses = [] } = (pod['status'] ?? {}) as {
    containerStatuses?: { name: string; imageID?: string }[]
  }
  const named = containers.map(({ image }) => image ?? '')
  const pinned = containers.flatMap(({ name, image = '' }) => {
    const running = containerStatuses.find(each => each.name === name)
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(running?.imageID ?? '')?.[1]
    return digest
      ? [`${image.includes('@') ? before(image, '@') : image.replace(/:[^:/]+$/, '')}@${digest}`]
      : []
  })
  return [...named, ...pinned]
}

function readySince(pod: KubeObject): string {
  const { status } = pod as unknown as Pod
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return ready?.lastTransitionTime ?? ''
}

/** As a query of the API: `app=api,tier in (web)`. */
function selectorOf({ spec }: KubeObject): string {
  const { matchLabels = {}, matchExpressions = [] } =
    ((spec ?? {}) as { selector?: LabelSelector }).selector ?? {}
  const expressions = matchExpressions.map(({ key, operator, values = [] }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`
      case 'NotIn':
        return `${key} notin (${values.join(',')})`
      case 'Exists':
        return key
      case 'DoesNotExist':
        return `!${key}`
    }
  })
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressions].join(',')
}

interface LabelSelector {
  matchLabels?: Record<string, string>
  matchExpressions?: {
    key: string
    operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
    values?: string[]
  }[]
}
