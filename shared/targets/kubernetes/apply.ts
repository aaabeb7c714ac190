import type { ReleaseId } from '../../release/ledger.ts'
import type { Change, Conflicts } from '../target.ts'
import { ApiError } from './api-error.ts'
import { awake } from './asleep.ts'
import type { Client } from './client.ts'
import { actionOf } from './diff.ts'
import { changeFenced } from './change-fenced.ts'
import type { Fence, Work, Write } from './fence.ts'
import { describe, groupOf, keyOf, podTemplate, stamps, type FieldSet, type KubeObject } from './objects.ts'
import { fitToLive } from './fit.ts'
import {
  claim,
  fieldsOf,
  fieldsOfDeployers,
  isEmpty,
  isNew,
  ownsReplicas,
  releaseReplicas,
  takeOver,
  union,
} from './ownership.ts'
import type { KubernetesBody } from './body.ts'
import { scaledBy } from './render.ts'
import { staleDefaults } from './stale-defaults.ts'

/** The objects of a release as they are applied: with its marks, and with Jobs that run once for each release. */
export function objectsOf(body: KubernetesBody, id: ReleaseId, service: string): KubeObject[] {
  return body.manifests.map(manifest => {
    const { metadata } = manifest
    const marks = {
      [stamps.version]: body.version,
      ...(podTemplate(manifest) ? { [stamps.image]: body.image } : {}),
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

export function isJob({ apiVersion, kind }: KubeObject): boolean {
  return groupOf(apiVersion) === 'batch' && kind === 'Job'
}

/** How objects are applied. */
export interface Applying {
  /** Keys of the workloads that a live HorizontalPodAutoscaler scales. */
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
  const sent = awake(scaled.has(keyOf(manifest)) ? withoutReplicas(manifest) : manifest, live)
  const object = markMade(sent, live)
  const force = conflicts === 'take'
  if (!live) return [{ type: 'apply', object, force }]
  const writes: Write[] = []
  // A field that somebody set by hand stays theirs, too, when it is given the same value: the next release would be refused.
  const shared = force ? fieldsOf(sent) : {}
  const taking = union(
    union(isNew(live) ? fieldsOfDeployers(live) : {}, shared),
    resumes(sent, live) ? pausedField : {},
  )
  const taken = takeOver(live, taking)
  const owned = taken ? { ...live, metadata: { ...live.metadata, managedFields: taken } } : live
  const letGo = dropsReplicas(sent, owned) ? releaseReplicas(owned) : undefined
  const managedFields = letGo ?? taken
  if (managedFields) writes.push({ type: 'own', managedFields })
  writes.push({ type: 'apply', object, force })
  return writes
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

/** A manifest that says `paused: false` in so many words resumes what somebody paused. */
export function resumes(manifest: KubeObject, live: KubeObject): boolean {
  return manifest.spec?.['paused'] === false && live.spec?.['paused'] === true
}

/**
 * The manifest has stopped naming the number of replicas, because a HorizontalPodAutoscaler came or somebody scales by
 * hand: dropped by an apply it would become 1, so it is let go of instead.
 */
export function dropsReplicas(object: KubeObject, live: KubeObject): boolean {
  return podTemplate(object) !== undefined && object.spec?.['replicas'] === undefined && ownsReplicas(live)
}

export function withoutReplicas(object: KubeObject): KubeObject {
  if (object.spec?.['replicas'] === undefined) return object
  const { replicas: _replicas, ...spec } = object.spec
  return { ...object, spec }
}

/**
 * The workloads that the cluster's own autoscalers scale. An account that may not look is told of none: then the
 * manifests alone say what is scaled.
 */
export async function scaledWorkloads(client: Client, namespace: string): Promise<Set<string>> {
  try {
    const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`
    const { items } = await client.list(path)
    const keys = items.map(item => {
      // Items of a list carry no kind of their own.
      const target = scaledBy({ ...item, apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' })
      return target ? `apps/${target.kind}/${namespace}/${target.name}` : ''
    })
    return new Set(keys)
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return new Set()
    throw error
  }
}
