import { ToolError } from '../../outcome/errors.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import type { Change } from '../target.ts'
import { ApiError } from './api-error.ts'
import type { Client } from './client.ts'
import { changeOf } from './diff.ts'
import { changeFenced, type Fence, type Work, type Write } from './fence.ts'
import { describe, groupOf, keyOf, podTemplate, stamps, type KubeObject } from './objects.ts'
import { fieldsOfDeployers, isNew, ownsReplicas, releaseReplicas, takeOver } from './ownership.ts'
import { scaledBy, type KubernetesBody } from './render.ts'

/** Never deleted by this suite: with them goes data, or everything (DESIGN section 4). */
const keptKinds = ['PersistentVolume', 'PersistentVolumeClaim', 'Namespace', 'CustomResourceDefinition']

export function mayBeDeleted({ kind }: KubeObject): boolean {
  return !keptKinds.includes(kind)
}

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

/**
 * Applies a release.
 * @throws ToolError with the reason `field-conflict` when somebody else owns a field that it sets
 */
export async function applyRelease(
  fence: Fence,
  objects: KubeObject[],
  scaled: Set<string>,
): Promise<Change[]> {
  const works = objects.map((object): Work => ({
    object,
    plan: live => planApply(object, live, scaled, false),
  }))
  try {
    const done = await changeFenced(fence, works)
    return done.map(({ object, before, after }) => changeOf(object, before, after))
  } catch (error) {
    throw explainConflict(error)
  }
}

/**
 * The writes that bring one object to what a manifest says.
 * @param scaled keys of the workloads that a live HorizontalPodAutoscaler scales
 */
export function planApply(
  manifest: KubeObject,
  live: KubeObject | undefined,
  scaled: Set<string>,
  force: boolean,
): Write[] {
  const object = scaled.has(keyOf(manifest)) ? withoutReplicas(manifest) : manifest
  if (!live) return [{ type: 'apply', object, force }]
  const writes: Write[] = []
  const taken = isNew(live) ? takeOver(live, fieldsOfDeployers(live)) : undefined
  const owned = taken ? { ...live, metadata: { ...live.metadata, managedFields: taken } } : live
  const letGo =
    podTemplate(object) && object.spec?.['replicas'] === undefined && ownsReplicas(owned)
      ? releaseReplicas(owned)
      : undefined
  const managedFields = letGo ?? taken
  if (managedFields) writes.push({ type: 'own', managedFields })
  writes.push({ type: 'apply', object, force })
  return writes
}

function withoutReplicas(object: KubeObject): KubeObject {
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

/** A conflict of server-side apply, in words: who owns which field. Any other error is returned as it is. */
export function explainConflict(error: unknown): unknown {
  if (!(error instanceof ApiError) || error.conflicts.length === 0) return error
  const fields = error.conflicts.map(({ field, message }) => {
    const manager = /conflict with "([^"]+)"/.exec(message)?.[1] ?? 'somebody else'
    return `${field.replace(/^\./, '')} belongs to ${manager}`
  })
  const { kind = 'object', name = '' } = error.answer.details ?? {}
  return new ToolError(`${kind} ${name}: ${fields.join('; ')}`, {
    tool: 'Kubernetes API',
    code: 409,
    reason: 'field-conflict',
    hint: 'Take the field out of the manifests, or give it up there (kubectl edit), then deploy again.',
    cause: error,
  })
}

/** Objects of `before` that `after` has no more, last applied first. */
export function leftOut(before: KubeObject[], after: KubeObject[]): KubeObject[] {
  const kept = new Set(after.map(keyOf))
  return before.filter(object => !kept.has(keyOf(object)) && mayBeDeleted(object)).toReversed()
}

/**
 * Deletes objects, if they are this suite's work still: the label says so. One that somebody made anew, or took over,
 * is left.
 */
export async function removeOwn(fence: Fence, objects: KubeObject[], service: string): Promise<Change[]> {
  const works = objects.map((object): Work => ({
    object,
    plan: live => (live?.metadata.labels?.[stamps.service] === service ? [{ type: 'delete' }] : []),
  }))
  const done = await changeFenced(fence, works)
  return done
    .filter(({ before, after }) => before && !after)
    .map(({ object }): Change => ({ object: describe(object), action: 'delete' }))
}
