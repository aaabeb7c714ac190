import type { Leaving } from '../../target.ts'
import { ApiError } from '../api/api-error.ts'
import { findWorkload } from '../inspect/live.ts'
import { instancesOf, readPods, type LivePods } from '../rollout/live-pods.ts'
import { podTemplate, type KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { isEnding, isReady } from '../rollout/pods.ts'

/** Kubernetes' own default of terminationGracePeriodSeconds. */
const defaultGraceS = 30

/** One endpoint of an EndpointSlice (discovery.k8s.io/v1). A condition that is missing counts as true. */
interface Endpoint {
  conditions?: { ready?: boolean | null; serving?: boolean | null; terminating?: boolean | null }
  targetRef?: { kind?: string; name?: string; uid?: string }
}

/**
 * The pods that may still receive traffic although they are no instances of what is live: those of earlier revisions, and
 * those that are ending, as long as an EndpointSlice of a Service that selects the workload lists them as serving.
 * kube-proxy routes new connections to serving endpoints that terminate while no other is ready, and open connections stay.
 * An account that may not read Services or EndpointSlices goes by the pods' own readiness.
 */
export async function readLeaving(place: Place): Promise<Leaving> {
  const live = await findWorkload(place)
  const template = live && podTemplate(live)
  if (!live || !template) return { instances: [], graceMs: 0 }
  const pods = await readPods(place, live)
  const grace = Number(template.spec['terminationGracePeriodSeconds'] ?? defaultGraceS)
  const instances = new Set(instancesOf(pods).map(({ metadata }) => metadata.uid))
  const endpoints = await readEndpoints(place, template.metadata?.labels ?? {})
  const names = endpoints
    ? leavingEndpoints(endpoints, instances, pods)
    : [...pods.pods, ...pods.older]
        .filter(pod => !instances.has(pod.metadata.uid) && isReady(pod))
        .map(({ metadata }) => metadata.name)
  const graces = [...pods.raw.values()].map(({ metadata }) =>
    Number(metadata['deletionGracePeriodSeconds'] ?? 0),
  )
  return {
    instances: [...new Set(names)].map(name => `pod ${name}`),
    graceMs: Math.max(grace, ...graces) * 1_000,
  }
}

function leavingEndpoints(
  endpoints: Endpoint[],
  instances: ReadonlySet<string>,
  { pods, older }: LivePods,
): string[] {
  const replaced = new Set(
    [...older, ...pods.filter(isEnding)]
      .map(({ metadata }) => metadata.uid)
      .filter(uid => !instances.has(uid)),
  )
  return endpoints.flatMap(({ conditions = {}, targetRef = {} }) => {
    const { uid = '', name = '' } = targetRef
    const leaves = conditions.terminating === true || replaced.has(uid)
    const serves = (conditions.serving ?? conditions.ready ?? true) || (conditions.ready ?? true)
    return leaves && serves && !instances.has(uid) ? [name] : []
  })
}

/** The endpoints of every Service that selects pods with these labels; undefined when this account may not look. */
async function readEndpoints(
  { client, namespace }: Place,
  labels: Record<string, string>,
): Promise<Endpoint[] | undefined> {
  try {
    const { items: services } = await client.list(`/api/v1/namespaces/${namespace}/services`)
    const names = services.filter(service => selects(service, labels)).map(({ metadata }) => metadata.name)
    if (names.length === 0) return []
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    const labelSelector = `kubernetes.io/service-name in (${names.join(',')})`
    const { items: slices } = await client.list(path, { labelSelector })
    return slices.flatMap(slice => (slice['endpoints'] as Endpoint[] | null | undefined) ?? [])
  } catch (error) {
    if (error instanceof ApiError && [403, 404].includes(error.status)) return undefined
    throw error
  }
}

function selects({ spec }: KubeObject, labels: Record<string, string>): boolean {
  const selector = Object.entries((spec?.['selector'] ?? {}) as Record<string, string>)
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value)
}
