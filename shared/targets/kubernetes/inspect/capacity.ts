import { showSize } from '../../../config/values.ts'
import type { Capacity } from '../../target.ts'
import { permitted } from '../api/api-error.ts'
import { parseWorkload, workloadPath } from './live.ts'
import { podTemplate, type KubeObject, type PodSpec } from '../manifests/objects.ts'
import { parseQuantity } from '../manifests/quantity.ts'
import type { KubernetesBody } from '../apply/body.ts'
import type { Place } from '../state/place.ts'

interface Room {
  /** Cores. */
  cpu: number
  /** Bytes. */
  memory: number
  pods: number
}

/** Whether the pods that a rolling update adds for a while find a node, and a quota that lets them in. */
export async function readCapacity(
  { client, namespace, workload }: Place,
  body: KubernetesBody,
): Promise<Capacity> {
  const { kind, name } = parseWorkload(workload)
  const serving = body.manifests.find(each => each.kind === kind && each.metadata.name === name)
  const template = serving && podTemplate(serving)
  // How many pods a DaemonSet has, the nodes say.
  if (!template || kind === 'DaemonSet') return { enough: true, finding: 'no pods are added', remedy: '' }
  const live = await client.get(workloadPath(namespace, workload))
  const extra = surgeOf(serving, Number(live?.spec?.['replicas'] ?? 0))
  const each = requestsOf(template.spec)
  const [free, quota] = await Promise.all([
    permitted(freeOfNodes(client, template.spec.nodeSelector ?? {})),
    permitted(client.list(`/api/v1/namespaces/${namespace}/resourcequotas`)),
  ])
  const tight = (quota?.items ?? []).flatMap(item => quotaLeft(item, each, limitsOf(template.spec), extra))
  if (tight.length > 0) {
    return {
      enough: false,
      finding: `The quota does not let ${count(extra)} more in: ${tight.join('; ')}`,
      remedy:
        'Raise the ResourceQuota, lower the requests, or let the rollout remove a pod first (maxSurge 0, maxUnavailable 1).',
    }
  }
  const need = `${count(extra)} (${showRoom(each)} each)`
  if (!free) {
    return {
      enough: true,
      finding: `Not looked at: this account may not list nodes and their pods; the rollout adds ${need}.`,
      remedy: 'Apply deployment/k8s/access-optional to have this checked.',
    }
  }
  const places = free.reduce((sum, node) => sum + fits(node, each), 0)
  return {
    enough: places >= extra,
    finding: `${count(places)} more would fit (ready nodes: ${free.length}); the rollout adds ${need}.`,
    remedy:
      places >= extra
        ? ''
        : 'Add a node or lower the requests; or let the rollout remove a pod first (maxSurge 0, maxUnavailable 1).',
  }
}

/** Pods that a rollout adds before it ends the first old one; all of them at a first release. */
export function surgeOf({ kind, spec }: KubeObject, live: number): number {
  const wanted = Number(spec?.['replicas'] ?? (live || 1))
  if (live === 0) return wanted
  // It ends each pod before it makes the one that comes after.
  if (kind === 'StatefulSet') return Math.max(0, wanted - live)
  const strategy = spec?.['strategy'] as
    { type?: string; rollingUpdate?: { maxSurge?: number | string } } | undefined
  if (strategy?.type === 'Recreate') return 0
  const surge = strategy?.rollingUpdate?.maxSurge ?? '25%'
  if (typeof surge === 'number') return surge
  // Kubernetes rounds the surge up.
  return surge.endsWith('%') ? Math.ceil((Number(surge.slice(0, -1)) / 100) * wanted) : Number(surge)
}

/** What the scheduler reserves for a pod: its containers together, or its largest init container. */
export function requestsOf({ containers, initContainers = [] }: PodSpec): Room {
  const of = (key: 'cpu' | 'memory') => {
    const each = (list: PodSpec['containers']) =>
      list.map(({ resources }) => parseQuantity(resources?.requests?.[key] ?? resources?.limits?.[key]))
    const sum = each(containers).reduce((a, b) => a + b, 0)
    return Math.max(sum, ...each(initContainers))
  }
  return { cpu: of('cpu'), memory: of('memory'), pods: 1 }
}

/** What a quota on limits counts of a pod. */
function limitsOf({ containers, initContainers = [] }: PodSpec): Room {
  const of = (key: 'cpu' | 'memory') => {
    const each = (list: PodSpec['containers']) =>
      list.map(({ resources }) => parseQuantity(resources?.limits?.[key]))
    const sum = each(containers).reduce((a, b) => a + b, 0)
    return Math.max(sum, ...each(initContainers))
  }
  return { cpu: of('cpu'), memory: of('memory'), pods: 1 }
}

async function freeOfNodes(client: Place['client'], wanted: Record<string, string>): Promise<Room[]> {
  const [nodes, pods] = await Promise.all([
    client.list('/api/v1/nodes'),
    client.list('/api/v1/pods', {
      fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed',
    }),
  ])
  return nodes.items
    .filter(node => takesPods(node, wanted))
    .map(({ metadata, status }) => {
      const allocatable = (status as { allocatable?: Record<string, string> } | undefined)?.allocatable ?? {}
      const free: Room = {
        cpu: parseQuantity(allocatable['cpu']),
        memory: parseQuantity(allocatable['memory']),
        pods: parseQuantity(allocatable['pods']),
      }
      for (const { spec } of pods.items) {
        if (spec?.['nodeName'] !== metadata.name) continue
        const taken = requestsOf(spec as PodSpec)
        free.cpu -= taken.cpu
        free.memory -= taken.memory
        free.pods -= 1
      }
      return free
    })
}

function takesPods({ metadata, spec, status }: KubeObject, wanted: Record<string, string>): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] }
  const ready = conditions.some(({ type, status: value }) => type === 'Ready' && value === 'True')
  const labels = metadata.labels ?? {}
  const chosen = Object.entries(wanted).every(([key, value]) => labels[key] === value)
  return ready && spec?.['unschedulable'] !== true && chosen
}

function fits(free: Room, each: Room): number {
  const counts = [
    free.pods,
    each.cpu > 0 ? free.cpu / each.cpu : Infinity,
    each.memory > 0 ? free.memory / each.memory : Infinity,
  ]
  // A little over a whole number of pods is that number, whatever binary fractions say.
  return Math.max(0, Math.floor(Math.min(...counts) + 1e-9))
}

function quotaLeft({ metadata, status }: KubeObject, each: Room, limits: Room, extra: number): string[] {
  const { hard = {}, used = {} } = (status ?? {}) as {
    hard?: Record<string, string>
    used?: Record<string, string>
  }
  const needs: [string, number][] = [
    ['pods', extra],
    ['requests.cpu', each.cpu * extra],
    ['cpu', each.cpu * extra],
    ['requests.memory', each.memory * extra],
    ['memory', each.memory * extra],
    ['limits.cpu', limits.cpu * extra],
    ['limits.memory', limits.memory * extra],
    ['count/pods', extra],
  ]
  return needs
    .filter(
      ([key, need]) => hard[key] !== undefined && parseQuantity(hard[key]) - parseQuantity(used[key]) < need,
    )
    .map(([key]) => `${metadata.name} has ${used[key] ?? '0'} of ${hard[key] ?? ''} ${key} in use`)
}

function count(pods: number): string {
  return pods === 1 ? '1 pod' : `${pods} pods`
}

function showRoom({ cpu, memory }: Room): string {
  return `${Math.round(cpu * 1_000)}m CPU and ${showSize(memory)} memory`
}
