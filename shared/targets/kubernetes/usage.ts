import { showSize } from '../../runbook/values.ts'
import { ApiError } from './api-error.ts'
import { workloadPath } from './live.ts'
import { podTemplate } from './objects.ts'
import { parseQuantity } from './quantity.ts'
import type { Place } from './place.ts'

/** CPU and memory of each pod of the workload, as `kubectl top` shows them; empty where no metrics API answers. */
export async function readUsage({ client, namespace, workload }: Place): Promise<string> {
  const live = await client.get(workloadPath(namespace, workload))
  const labels = live && podTemplate(live)?.metadata?.labels
  if (!labels) return ''
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  try {
    const { items } = await client.list(`/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`, {
      labelSelector,
    })
    return items.map(usageLine).join('\n')
  } catch (error) {
    // The metrics API is an extension: not installed, not permitted, or not well itself.
    if (error instanceof ApiError && [403, 404, 503].includes(error.status)) return ''
    throw error
  }
}

function usageLine({ metadata, ...pod }: { metadata: { name: string }; [field: string]: unknown }): string {
  const containers = (pod['containers'] ?? []) as { usage?: { cpu?: string; memory?: string } }[]
  const total = (key: 'cpu' | 'memory') =>
    containers.reduce((sum, { usage }) => sum + parseQuantity(usage?.[key]), 0)
  return `${metadata.name}: ${Math.round(total('cpu') * 1_000)}m of CPU, ${showSize(total('memory'))} of memory`
}
