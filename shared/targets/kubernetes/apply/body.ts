import type { Payload } from '../../target.ts'
import { schemaNeeds } from '../migrate/marks.ts'
import { describe, type KubeObject } from '../manifests/objects.ts'

/** What a Kubernetes release is: the manifests as they are applied, but for the release's own id. */
export interface KubernetesBody {
  version: string
  /** `registry/repository@sha256:...` */
  image: string
  /** `deployment/runbook-api`: what the runbook of the time called the workload that serves. */
  workload?: string
  /** In the order in which they are applied. */
  manifests: KubeObject[]
}

/** The body of a payload that this target made. */
export function bodyOf(payload: Payload): KubernetesBody {
  if (payload.kind !== 'kubernetes') throw new Error(`a ${payload.kind} payload came to a kubernetes target`)
  return payload.body as KubernetesBody
}

export function payloadOf(body: KubernetesBody): Payload {
  const needs = schemaNeeds(body.manifests)
  const objects = body.manifests.map(describe)
  return { kind: 'kubernetes', objects, body, ...(needs === undefined ? {} : { schemaNeeds: needs }) }
}
