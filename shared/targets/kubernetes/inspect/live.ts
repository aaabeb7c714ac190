import type { Live } from '../../../release/settle.ts'
import { containersOf, podTemplate, stamps, type KubeObject } from '../manifests/objects.ts'
import { managersAt, ownsField } from '../ownership/ownership.ts'
import type { Place } from '../state/place.ts'
import { rolledOut } from '../rollout/progress.ts'

/** Kinds that can serve, by the word that the runbook has for them. */
const servingKinds = {
  deployment: 'Deployment',
  statefulset: 'StatefulSet',
  daemonset: 'DaemonSet',
} as const

/** The kind and name that `deployment/runbook-api` means. */
export function parseWorkload(workload: string): { kind: string; plural: string; name: string } {
  const [word = '', name = ''] = workload.split('/')
  return { kind: servingKinds[word as keyof typeof servingKinds], plural: `${word}s`, name }
}

/** The path of the workload that the runbook names: `deployment/runbook-api`. */
export function workloadPath(namespace: string, workload: string): string {
  const { plural, name } = parseWorkload(workload)
  return `/apis/apps/v1/namespaces/${namespace}/${plural}/${name}`
}

/**
 * The workload that serves: the runbook's, or where that is not there, or about to go, since it is called otherwise by
 * now, the one that the release which serves was recorded with.
 */
export async function findWorkload(place: Place): Promise<KubeObject | undefined> {
  const { client, namespace, workload, lease, records } = place
  const named = await client.get(workloadPath(namespace, workload))
  if (named && named.metadata.deletionTimestamp === undefined) return named
  const { ledger, slots } = await lease.read()
  const id = ledger.serving
  const recorded = id === null ? undefined : (await records.load(id, slots[id] ?? []))?.body.workload
  if (recorded === undefined || recorded === workload) return named
  return (await client.get(workloadPath(namespace, recorded))) ?? named
}

/** What the workload that serves really is. */
export async function readLive(place: Place): Promise<Live> {
  const live = await findWorkload(place)
  return live ? describeLive(live) : { release: null, version: '', image: '', ready: false }
}

export function describeLive(workload: KubeObject): Live {
  const { labels = {}, annotations = {} } = workload.metadata
  const template = podTemplate(workload)
  const images = (template ? containersOf(template) : []).map(container => container.image)
  const recorded = annotations[stamps.image]
  // A label says what was applied; when another image was set since, it is not that release any more.
  const genuine = recorded !== undefined && (images.includes(recorded) || hasImagesAsAdmitted(workload))
  return {
    release: genuine ? (labels[stamps.release] ?? null) : null,
    version: genuine
      ? (annotations[stamps.version] ?? '')
      : versionOf(template?.spec.containers[0]?.image ?? ''),
    image: genuine ? recorded : (template?.spec.containers[0]?.image ?? ''),
    ready: rolledOut(workload) === '',
  }
}

/**
 * Whether the images of a release are still what the API server made of them when they were applied: a webhook may add a
 * registry, or turn a tag into a digest. A change by anything else since then has taken the field from this suite.
 */
function hasImagesAsAdmitted(workload: KubeObject): boolean {
  const named = workload.metadata.annotations?.[stamps.containers]?.split(',') ?? []
  const spec = podTemplate(workload)?.spec
  if (!spec || named.length === 0) return false
  const images = (['initContainers', 'containers'] as const).flatMap(list =>
    (spec[list] ?? []).map(({ name }) => ({
      name,
      keys: ['f:spec', 'f:template', 'f:spec', `f:${list}`, `k:${JSON.stringify({ name })}`, 'f:image'],
    })),
  )
  const own = images.filter(({ name }) => named.includes(name))
  // Admission may rename containers, too: then no image may be of another manager's.
  return own.length > 0
    ? own.every(({ keys }) => ownsField(workload, keys))
    : images.every(({ keys }) => managersAt(workload, keys) === '')
}

/** The tag of an image, or the image when it has none. */
export function versionOf(image: string): string {
  const [name = ''] = image.split('@')
  return /:([^/:]+)$/.exec(name)?.[1] ?? image
}
