import { InputError } from '../../../outcome/errors.ts'
import type { Entry, ReleaseId } from '../../../release/ledger.ts'
import type { KnownRevision, Revision } from '../../target.ts'
import { adoptLive } from '../restore/adopt.ts'
import { versionOf, workloadPath } from './live.ts'
import { containersOf, podTemplate, type KubeObject, type PodTemplate } from '../manifests/objects.ts'
import { bodyOf, payloadOf, type KubernetesBody } from '../apply/body.ts'
import { sameTemplate } from '../restore/same-template.ts'
import type { Place } from '../state/place.ts'

/** A revision of the workload as its controller keeps it: the pod template of then. */
export interface StoredRevision extends Revision {
  template: PodTemplate
}

/** The revisions that `kubectl rollout history` lists, oldest first; none when the workload is not there. */
export async function readRevisions({ client, namespace, workload }: Place): Promise<StoredRevision[]> {
  const live = await client.get(workloadPath(namespace, workload))
  if (!live) return []
  const kept = live.kind === 'Deployment' ? 'replicasets' : 'controllerrevisions'
  const { items } = await client.list(`/apis/apps/v1/namespaces/${namespace}/${kept}`)
  return items
    .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === live.metadata.uid))
    .map(kept === 'replicasets' ? ofReplicaSet : ofControllerRevision)
    .filter(revision => revision !== undefined)
    .toSorted((a, b) => a.number - b.number)
}

/** The controller's own label, which makes the pods of two ReplicaSets differ, is no part of what was deployed. */
function ofReplicaSet(object: KubeObject): StoredRevision | undefined {
  const template = podTemplate({ ...object, apiVersion: 'apps/v1', kind: 'ReplicaSet' })
  const number = Number(object.metadata.annotations?.['deployment.kubernetes.io/revision'])
  if (!template || !Number.isInteger(number)) return undefined
  const { 'pod-template-hash': _hash, ...labels } = template.metadata?.labels ?? {}
  return described(object, number, { ...template, metadata: { ...template.metadata, labels } })
}

/** StatefulSets and DaemonSets keep a patch of their specification (k8s.io/kubernetes/pkg/controller/history). */
function ofControllerRevision(object: KubeObject): StoredRevision | undefined {
  const { spec } = (object['data'] ?? {}) as { spec?: { template?: PodTemplate & { $patch?: string } } }
  if (!spec?.template) return undefined
  const { $patch: _instruction, ...template } = spec.template
  return described(object, Number(object['revision']), template)
}

function described({ metadata }: KubeObject, number: number, template: PodTemplate): StoredRevision {
  const image = template.spec.containers[0]?.image ?? ''
  return { number, image, at: metadata.creationTimestamp ?? '', template }
}

/**
 * What one of the revisions stands for. When a recorded release has its very pod template, it is that release. Else only
 * the pod template is known: everything else is taken from the release that serves.
 */
export async function findRevision(place: Place, number: number): Promise<KnownRevision | undefined> {
  const found = (await readRevisions(place)).find(revision => revision.number === number)
  if (!found) return undefined
  const { ledger, slots } = await place.lease.read()
  const load = async (id: ReleaseId | null) =>
    id === null ? undefined : (await place.records.load(id, slots[id] ?? []))?.body
  for (const entry of ledger.entries.toReversed()) {
    if (!mayBe(found, entry)) continue
    const body = await load(entry.id)
    if (body && sameTemplate(templateIn(body, place), found.template))
      return { kind: 'release', id: entry.id }
  }
  const base = (await load(ledger.serving)) ?? (await adopted(place))
  const image = found.template.spec.containers[0]?.image ?? ''
  const version = versionOf(image)
  return { kind: 'workload', version, image, payload: payloadOf(withTemplate(base, place, found, version)) }
}

/** Whether a release may have been this revision, by its image alone: records are only read for those. */
function mayBe({ template }: StoredRevision, { image }: Entry): boolean {
  return containersOf(template).some(container => container.image === image)
}

async function adopted(place: Place): Promise<KubernetesBody> {
  const found = await adoptLive(place, [])
  if (!found) {
    throw new InputError(`the workload ${place.workload} is gone from namespace ${place.namespace}`, {
      hint: 'Deploy a release: a revision cannot be brought back without its workload.',
    })
  }
  return bodyOf(found.payload)
}

function isWorkload({ kind, metadata }: KubeObject, { workload }: Place): boolean {
  return `${kind.toLowerCase()}/${metadata.name}` === workload
}

function templateIn(body: KubernetesBody, place: Place): PodTemplate | undefined {
  const object = body.manifests.find(each => isWorkload(each, place))
  return object && podTemplate(object)
}

function withTemplate(
  base: KubernetesBody,
  place: Place,
  { template }: StoredRevision,
  version: string,
): KubernetesBody {
  const manifests = base.manifests.map(object =>
    isWorkload(object, place) ? { ...object, spec: { ...object.spec, template } } : object,
  )
  return { version, image: template.spec.containers[0]?.image ?? '', manifests }
}
