import type { ReleaseId } from '../../../release/ledger.ts'
import type { Change, Conflicts } from '../../target.ts'
import { ApiError } from '../api/api-error.ts'
import { awake } from '../asleep.ts'
import type { Client } from '../api/client.ts'
import { actionOf } from '../inspect/diff.ts'
import { changeFenced } from './change-fenced.ts'
import type { Fence, Work, Write } from './fence.ts'
import { fitToLive } from './fit.ts'
import {
  containersOf,
  describe,
  groupOf,
  keyOf,
  podTemplate,
  stamps,
  type FieldSet,
  type KubeObject,
  type ManagedFields,
} from '../manifests/objects.ts'
import {
  claim,
  fieldsOf,
  intersection,
  isEmpty,
  isNew,
  isOfDeployer,
  knownFields,
  ownershipWrites,
  ownsReplicas,
  scalingController,
  takeOver,
  union,
} from '../ownership/ownership.ts'
import type { KubernetesBody } from './body.ts'
import { scaledBy, type ScaleTarget } from '../manifests/render.ts'
import { staleDefaults } from '../restore/stale-defaults.ts'

/** The objects of a release as they are applied: with its marks, and with Jobs that run once for each release. */
export function objectsOf(body: KubernetesBody, id: ReleaseId, service: string): KubeObject[] {
  return body.manifests.map(manifest => {
    const { metadata } = manifest
    const marks = {
      [stamps.version]: body.version,
      ...imageMarks(manifest, body.image),
    }
    return {
      ...manifest,
      metadata: {
        ...metadata,
        name: isJob(manifest) ? `${metadata.name}-${id}` : metadata.name,
        labels: { ...metadata.labels, [stamps.service]: service, [stamps.release]: id },
        annotations: { ...metadata.annotations, ...marks },
      },
    }
  })
}

/** Says on a workload which of its images is the release's: admission may write it in another way. */
function imageMarks(manifest: KubeObject, image: string): Record<string, string> {
  const template = podTemplate(manifest)
  if (!template) return {}
  const names = containersOf(template)
    .filter(container => container.image === image)
    .map(({ name }) => name)
  return {
    [stamps.image]: image,
    ...(names.length > 0 ? { [stamps.containers]: names.join(',') } : {}),
  }
}

export function isJob({ apiVersion, kind }: KubeObject): boolean {
  return groupOf(apiVersion) === 'batch' && kind === 'Job'
}

/** How objects are applied. */
export interface Applying {
  /** Keys of the workloads that a live autoscaler scales. */
  scaled: Set<string>
  conflicts: Conflicts
}

/**
 * Applies a release.
 * @throws ToolError with the reason of the refusal: `field-conflict`, `admission-refused`, ...
 */
export async function applyRelease(
  fence: Fence,
  objects: KubeObject[],
  applying: Applying,
): Promise<Change[]> {
  const works = objects.map((object): Work => ({
    object,
    plan: live => planApply(object, live, applying),
  }))
  const done = await changeFenced(fence, works)
  return done.map(({ object, before, after }) => ({
    object: describe(object),
    action: actionOf(before, after),
  }))
}

const pausedField: FieldSet = { 'f:spec': { 'f:paused': {} } }
const replicasField: FieldSet = { 'f:spec': { 'f:replicas': {} } }

/** The writes that bring one object to what a manifest says, as far as the live object lets it. */
export function planApply(manifest: KubeObject, live: KubeObject | undefined, applying: Applying): Write[] {
  const fitted = fitToLive(manifest, live).object
  const writes = planWrites(fitted, live, applying)
  return live ? claimStaleDefaults(writes, fitted, live, applying.conflicts) : writes
}

/** What the API server once filled in, and excludes what the manifest says, is owned before the apply, which removes it. */
function claimStaleDefaults(
  writes: Write[],
  manifest: KubeObject,
  live: KubeObject,
  conflicts: Conflicts,
): Write[] {
  const { stale } = staleDefaults(manifest, live)
  if (isEmpty(stale)) return writes
  const last = writes.findLastIndex(write => write.type === 'own')
  const owning = writes[last]
  const before = owning?.type === 'own' ? owning.managedFields : (live.metadata.managedFields ?? [])
  const taken =
    conflicts === 'take'
      ? takeOver({ ...live, metadata: { ...live.metadata, managedFields: before } }, stale)
      : undefined
  const own: Write = { type: 'own', managedFields: claim(taken ?? before, live.apiVersion, stale) }
  return last < 0 ? [own, ...writes] : writes.with(last, own)
}

function planWrites(
  manifest: KubeObject,
  live: KubeObject | undefined,
  { scaled, conflicts }: Applying,
): Write[] {
  const sent = awake(isScaled(manifest, live, scaled) ? withoutReplicas(manifest) : manifest, live)
  const object = markMade(sent, live)
  const force = conflicts === 'take'
  if (!live) return [{ type: 'apply', object, force }]
  // A field that a person set by hand stays theirs, too, when it is given the same value: the next release would be refused.
  const named = union(force ? fieldsOf(sent, knownFields(live)) : {}, resumes(sent, live) ? pausedField : {})
  const firstContact = isNew(live)
  const taken = (entry: ManagedFields): FieldSet => {
    if (firstContact && isOfDeployer(entry)) return entry.fieldsV1
    const comparable = entry.apiVersion === live.apiVersion && ['', 'scale'].includes(entry.subresource ?? '')
    return comparable ? intersection(entry.fieldsV1, named) : {}
  }
  const released = namesNoReplicas(sent) ? replicasField : {}
  const apply: Write = { type: 'apply', object, force }
  const owning = ownershipWrites(live, taken, released)
  return owning.length === 0
    ? [apply]
    : owning.flatMap((managedFields): Write[] => [{ type: 'own', managedFields }, apply])
}

/** The mark of an object that this suite made stays on it for as long as it lives. */
function markMade(object: KubeObject, live: KubeObject | undefined): KubeObject {
  const { metadata } = object
  const made = live ? live.metadata.annotations?.[stamps.made] : metadata.labels?.[stamps.release]
  if (made === undefined) return object
  return {
    ...object,
    metadata: { ...metadata, annotations: { ...metadata.annotations, [stamps.made]: made } },
  }
}

/** A manifest that says `paused: false` in so many words resumes what was paused by hand. */
export function resumes(manifest: KubeObject, live: KubeObject): boolean {
  return manifest.spec?.['paused'] === false && live.spec?.['paused'] === true
}

/**
 * The manifest has stopped naming the number of replicas, because a HorizontalPodAutoscaler came or an operator scales by
 * hand: dropped by an apply it would become 1, so it is let go of instead.
 */
export function dropsReplicas(object: KubeObject, live: KubeObject): boolean {
  return namesNoReplicas(object) && ownsReplicas(live)
}

function namesNoReplicas(object: KubeObject): boolean {
  return podTemplate(object) !== undefined && object.spec?.['replicas'] === undefined
}

/**
 * True when the number of replicas is an autoscaler's to say: an object of the cluster says that it scales the workload,
 * or a controller has scaled it last.
 */
export function isScaled(manifest: KubeObject, live: KubeObject | undefined, scaled: Set<string>): boolean {
  if (scaled.has(keyOf(manifest))) return true
  return live !== undefined && podTemplate(live) !== undefined && scalingController(live) !== undefined
}

export function withoutReplicas(object: KubeObject): KubeObject {
  if (object.spec?.['replicas'] === undefined) return object
  const { replicas: _replicas, ...spec } = object.spec
  return { ...object, spec }
}

/**
 * Keys of the workloads that the cluster's own autoscalers scale. An account that may not list them gets none: then the
 * manifests, and who has scaled a workload last, say what is scaled.
 */
export async function scaledWorkloads(client: Client, namespace: string): Promise<Set<string>> {
  for (const version of ['v2', 'v1']) {
    try {
      const apiVersion = `autoscaling/${version}`
      const { items } = await client.list(
        `/apis/${apiVersion}/namespaces/${namespace}/horizontalpodautoscalers`,
      )
      // Items of a list carry no kind of their own.
      const targets = items.map(item => scaledBy({ ...item, apiVersion, kind: 'HorizontalPodAutoscaler' }))
      return new Set(targets.flatMap(target => (target ? [scaledKey(target, namespace)] : [])))
    } catch (error) {
      if (error instanceof ApiError && error.status === 403) return new Set()
      if (!(error instanceof ApiError && error.status === 404)) throw error
    }
  }
  return new Set()
}

/** The key of a workload that an autoscaler names. */
export function scaledKey({ apiVersion, kind, name }: ScaleTarget, namespace: string): string {
  return `${groupOf(apiVersion)}/${kind}/${namespace}/${name}`
}
