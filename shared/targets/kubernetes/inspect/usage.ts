import type { Measured, Measurement } from '../../../release/vitals.ts'
import { showSize } from '../../../config/values.ts'
import { ApiError } from '../api/api-error.ts'
import { findWorkload } from './live.ts'
import { instancesOf, readPods } from '../rollout/live-pods.ts'
import { podTemplate } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { parseQuantity } from '../manifests/quantity.ts'

/** What the metrics API says of one pod: https://github.com/kubernetes/metrics, `PodMetrics`. */
export interface PodMetrics {
  metadata: { name: string }
  /** When it was measured. */
  timestamp?: string
  containers?: { name: string; usage?: Partial<Record<Measured, string>> }[]
}

/** A pod's containers, as far as it says what they may use. */
export interface Limited {
  spec?: { containers?: { name: string; resources?: { limits?: Partial<Record<Measured, string>> } }[] }
}

/** CPU and memory of each pod of the workload, as `kubectl top` shows them; empty where no metrics API answers. */
export async function readUsage(place: Place): Promise<string> {
  const live = await findWorkload(place)
  const labels = live && podTemplate(live)?.metadata?.labels
  if (!labels) return ''
  const [metrics, pods] = await Promise.all([readPodMetrics(place, labels), readPods(place, live)])
  const instances = new Set(instancesOf(pods).map(({ metadata }) => metadata.name))
  return metrics
    .filter(({ metadata }) => instances.has(metadata.name))
    .map(usageLine)
    .join('\n')
}

/** What the metrics API has measured of the pods with these labels; empty where it is not there. */
export async function readPodMetrics(
  { client, namespace }: Place,
  labels: Record<string, string>,
): Promise<PodMetrics[]> {
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  try {
    const { items } = await client.list(`/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`, {
      labelSelector,
    })
    return items
  } catch (error) {
    // The metrics API is an extension: not installed, not permitted, or not well itself.
    if (error instanceof ApiError && [403, 404, 503].includes(error.status)) return []
    throw error
  }
}

/**
 * What a pod uses of its limits. The cluster ends or throttles each container by its own, so it is that of the container
 * that is nearest to it.
 */
export function usageOf({ spec }: Limited, metrics: PodMetrics): Partial<Record<Measured, Measurement>> {
  const usage: Partial<Record<Measured, Measurement>> = {}
  for (const key of ['memory', 'cpu'] as const) {
    for (const { name, usage: used } of metrics.containers ?? []) {
      const limits = spec?.containers?.find(container => container.name === name)?.resources?.limits
      const limit = parseQuantity(limits?.[key])
      if (limit === 0 || used?.[key] === undefined) continue
      const share = parseQuantity(used[key]) / limit
      if (share <= (usage[key]?.share ?? -1)) continue
      const shown = key === 'memory' ? showSize(limit) : `${Math.round(limit * 1_000)}m of CPU`
      usage[key] = { share, of: `limit of ${shown}`, at: metrics.timestamp ?? '' }
    }
  }
  return usage
}

function usageLine({ metadata, containers = [] }: PodMetrics): string {
  const total = (key: Measured) => containers.reduce((sum, { usage }) => sum + parseQuantity(usage?.[key]), 0)
  return `${metadata.name}: ${Math.round(total('cpu') * 1_000)}m of CPU, ${showSize(total('memory'))} of memory`
}
