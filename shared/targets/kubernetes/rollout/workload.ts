import { conditionsOf } from './progress.ts'
import { builtIn } from '../api/resources.ts'
import { groupOf, podTemplate, type KubeObject } from '../manifests/objects.ts'
import { revisionKey } from './pods.ts'

/** Kinds that have pods of their own, whose rollout is followed. */
const withPods = ['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'batch/Job']
const templateGeneration = 'deprecated.daemonset.template.generation'

/** A workload as it is kept in memory: its status, and as much of the rest as it is judged by. */
export interface Workload extends KubeObject {
  /** When its specification or marks were written last, milliseconds since 1970. */
  changedAt: number
}

export function hasPods({ apiVersion, kind }: KubeObject): boolean {
  return withPods.includes(`${groupOf(apiVersion)}/${kind}`)
}

/** An object whose controller may say in its status that it is not ready yet: of a kind that Kubernetes does not have. */
export function isCustom({ apiVersion, kind }: KubeObject): boolean {
  const group = groupOf(apiVersion)
  return group.includes('.') && !group.endsWith('.k8s.io') && builtIn(apiVersion, kind) === undefined
}

/** @param kind of the collection: items of a list do not say it */
export function trimWorkload(item: KubeObject, apiVersion: string, kind: string): Workload {
  const { name, namespace, uid, generation, annotations = {}, managedFields = [] } = item.metadata
  const written = managedFields.filter(({ subresource }) => subresource !== 'status')
  const changedAt = Math.max(
    Date.parse(String(item.metadata.creationTimestamp)) || 0,
    ...written.map(({ time }) => Date.parse(time ?? '') || 0),
  )
  const kept = Object.entries(annotations).filter(
    ([key]) => key === revisionKey || key === templateGeneration,
  )
  const object: Workload = {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace ? { namespace } : {}),
      ...(uid ? { uid } : {}),
      ...(generation === undefined ? {} : { generation }),
      ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}),
    },
    changedAt,
  }
  if (!podTemplate({ ...item, apiVersion, kind })) {
    const { observedGeneration } = (item['status'] ?? {}) as { observedGeneration?: number }
    const status = { conditions: conditionsOf(item) }
    return {
      ...object,
      status: observedGeneration === undefined ? status : { ...status, observedGeneration },
    }
  }
  return { ...object, ...(item.spec ? { spec: item.spec } : {}), status: item['status'] ?? {} }
}

/** The number that the labels of a DaemonSet's current pods have; undefined when the API does not keep it. */
export function templateGenerationOf({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[templateGeneration]
}

/** For people: `Deployment runbook-api`. */
export function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind} ${metadata.name}`
}
