import { ToolError } from '../../../outcome/errors.ts'
import type { ClusterPlace } from '../../../config/place.ts'
import type { Client } from '../api/client.ts'

/** One pod, and a port of it. */
export interface Endpoint {
  namespace: string
  pod: string
  port: number
}

interface ServiceSpec {
  type?: string
  selector?: Record<string, string>
  ports?: { port: number; targetPort?: number | string }[]
}

interface RawPod {
  metadata: { name: string; creationTimestamp?: string; deletionTimestamp?: string }
  spec?: { containers?: { ports?: { name?: string; containerPort: number }[] }[] }
  status?: { phase?: string; conditions?: { type: string; status: string }[] }
}

/**
 * Finds the pod that a tunnel ends in: the one that is named, or a ready one behind the Service.
 * @throws ToolError that says what is missing: the Service, its port, or a pod that is ready
 */
export async function findEndpoint(
  client: Pick<Client, 'get' | 'list'>,
  { kind, name, port }: ClusterPlace,
  namespace: string,
): Promise<Endpoint> {
  const at = `/api/v1/namespaces/${namespace}`
  if (kind === 'pod') {
    const pod = (await client.get(`${at}/pods/${name}`)) as RawPod | undefined
    if (pod && isAlive(pod)) return { namespace, pod: name, port }
    throw noEndpoint(
      pod ? `pod ${name} of ${namespace} does not run` : `there is no pod ${name} in ${namespace}`,
      `See what is there: kubectl get pods -n ${namespace}. A Service finds its pod by itself: service/NAME:PORT.`,
    )
  }
  const service = await client.get(`${at}/services/${name}`)
  if (!service)
    throw noEndpoint(
      `there is no Service ${name} in ${namespace}`,
      `See what is there: kubectl get services -n ${namespace}. In another namespace: NAMESPACE/service/${name}:${port}.`,
    )
  const { selector = {}, ports = [] } = (service.spec ?? {}) as ServiceSpec
  const target = ports.find(each => each.port === port)
  if (!target)
    throw noEndpoint(
      `Service ${name} of ${namespace} has no port ${port}`,
      `Name one that it has: ${ports.map(each => String(each.port)).join(', ') || 'it has none'}.`,
    )
  const labels = Object.entries(selector).map(([key, value]) => `${key}=${value}`)
  if (labels.length === 0)
    throw noEndpoint(
      `Service ${name} of ${namespace} selects no pods, and only pods can be reached through the API server`,
      'Run a pod that hands connections on to it (socat), and name that pod or its Service.',
    )
  const { items } = await client.list(`${at}/pods`, { labelSelector: labels.join(',') })
  const pods = items as unknown as RawPod[]
  const ready = pods.filter(each => isAlive(each) && isReady(each)).sort(byAge)
  const [pod] = ready
  if (!pod)
    throw noEndpoint(
      `none of the ${pods.length} pods of Service ${name} in ${namespace} is ready`,
      `Look at them: kubectl get pods -n ${namespace} -l ${labels.join(',')}`,
    )
  return { namespace, pod: pod.metadata.name, port: portOf(pod, target.targetPort ?? port, port) }
}

/** False once the pod is gone, or on its way; when that cannot be found out, it is taken to be there. */
export async function isThere(client: Pick<Client, 'get'>, { namespace, pod }: Endpoint): Promise<boolean> {
  try {
    const found = await client.get(`/api/v1/namespaces/${namespace}/pods/${pod}`)
    return found !== undefined && isAlive(found)
  } catch {
    return true
  }
}

/** A port by its name, as a Service's targetPort may have it. */
function portOf({ metadata, spec }: RawPod, target: number | string, port: number): number {
  if (typeof target === 'number') return target
  const found = (spec?.containers ?? [])
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === target)?.containerPort
  if (found !== undefined) return found
  throw noEndpoint(
    `pod ${metadata.name} has no port named ${target}, which port ${port} of its Service leads to`,
    'Fix targetPort of the Service.',
  )
}

function isAlive({ metadata, status }: RawPod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase === 'Running'
}

function isReady({ status }: RawPod): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
}

/** The oldest first: the same one each time, as long as it lives. */
function byAge(a: RawPod, b: RawPod): number {
  const [one, other] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''} ${metadata.name}`)
  return (one ?? '') < (other ?? '') ? -1 : 1
}

function noEndpoint(what: string, hint: string): ToolError {
  return new ToolError(`The tunnel has no end: ${what}`, { tool: 'Kubernetes API', hint })
}
