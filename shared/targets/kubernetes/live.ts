import type { Live } from '../../release/settle.ts'
import type { Client } from './client.ts'
import { containersOf, podTemplate, stamps, type KubeObject } from './objects.ts'

/** A Deployment's own account of its rollout. */
export interface DeploymentStatus {
  observedGeneration?: number
  replicas?: number
  updatedReplicas?: number
  availableReplicas?: number
  conditions?: { type: string; status: string; reason?: string; message?: string }[]
}

/** The path of the workload that the runbook names: `deployment/runbook-api`. */
export function workloadPath(namespace: string, workload: string): string {
  const [, name = ''] = workload.split('/')
  return `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`
}

/** What the workload that serves really is. */
export async function readLive(client: Client, namespace: string, workload: string): Promise<Live> {
  const deployment = await client.get(workloadPath(namespace, workload))
  return deployment ? describeLive(deployment) : { release: null, version: '', image: '', ready: false }
}

export function describeLive(deployment: KubeObject): Live {
  const { labels = {}, annotations = {} } = deployment.metadata
  const template = podTemplate(deployment)
  const images = (template ? containersOf(template) : []).map(container => container.image)
  const recorded = annotations[stamps.image]
  // A label says what was applied; when somebody set another image since, it is not that release any more.
  const genuine = recorded !== undefined && images.includes(recorded)
  return {
    release: genuine ? (labels[stamps.release] ?? null) : null,
    version: genuine
      ? (annotations[stamps.version] ?? '')
      : versionOf(template?.spec.containers[0]?.image ?? ''),
    image: genuine ? recorded : (template?.spec.containers[0]?.image ?? ''),
    ready: rolledOut(deployment) === '',
  }
}

/** The tag of an image, or the image when it has none. */
export function versionOf(image: string): string {
  const [name = ''] = image.split('@')
  return /:([^/:]+)$/.exec(name)?.[1] ?? image
}

/** How far a Deployment's rollout is, or the empty string when it is done: the rules of `kubectl rollout status`. */
export function rolledOut({ metadata, spec, status }: KubeObject): string {
  const {
    observedGeneration = 0,
    replicas = 0,
    updatedReplicas = 0,
    availableReplicas = 0,
  } = (status ?? {}) as DeploymentStatus
  const wanted = Number(spec?.['replicas'] ?? 1)
  if (observedGeneration < (metadata.generation ?? 0)) return 'its controller has not seen it yet'
  if (updatedReplicas < wanted) return `${updatedReplicas} of ${wanted} new pods made`
  if (replicas > updatedReplicas) return `${replicas - updatedReplicas} old pods are left`
  if (availableReplicas < updatedReplicas)
    return `${availableReplicas} of ${updatedReplicas} new pods available`
  return ''
}
