import { ApiError } from '../api/api-error.ts'
import { createIndex, type Belongings } from '../apply/belongings.ts'
import { podTemplate, type KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { isEnding, type Pod } from './pods.ts'
import { progressOf } from './progress.ts'
import { eventSelector, trimEvent, trimPod, trimReplicaSet } from '../apply/trim.ts'
import { trimWorkload } from './workload.ts'

/** The pods of one workload as the API server lists them now. */
export interface LivePods extends Belongings {
  /** The pods as the API has them, by their UID. */
  raw: ReadonlyMap<string, KubeObject>
}

/**
 * Lists the pods that a live workload controls, those of its current revision apart from earlier ones. Pods of other
 * workloads that bear the same labels are left out. An account that may not list ReplicaSets gets every pod with the labels
 * of the current template.
 */
export async function readPods(place: Place, live: KubeObject): Promise<LivePods> {
  const { client, namespace } = place
  const index = createIndex()
  const workload = trimWorkload(live, live.apiVersion, live.kind)
  const [pods, known] = await Promise.all([
    client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector: selectorOf(live) }),
    live.kind === 'Deployment' ? listReplicaSets(place, live) : [],
  ])
  const raw = new Map(pods.items.map(item => [item.metadata.uid ?? '', item]))
  index.workloads.put(workload)
  for (const item of known ?? []) index.replicaSets.put(trimReplicaSet(item))
  for (const item of pods.items) index.pods.put(trimPod(item))
  const found = index.of(live)
  if (known) return { ...found, raw }
  const labels = Object.entries(podTemplate(live)?.metadata?.labels ?? {})
  const isCurrent = ({ metadata }: KubeObject) =>
    labels.every(([key, value]) => metadata.labels?.[key] === value)
  const [current, older] = [pods.items.filter(isCurrent), pods.items.filter(item => !isCurrent(item))]
  return { ...found, pods: current.map(trimPod), older: older.map(trimPod), raw }
}

/** Undefined when this account may not look. */
async function listReplicaSets({ client, namespace }: Place, live: KubeObject) {
  try {
    const path = `/apis/apps/v1/namespaces/${namespace}/replicasets`
    return (await client.list(path, { labelSelector: selectorOf(live) })).items
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined
    throw error
  }
}

/** The same, with what the cluster reported of them; without events where this account may not read them. */
export async function readPodsWithEvents(place: Place, live: KubeObject): Promise<LivePods> {
  const [found, events] = await Promise.all([readPods(place, live), listEvents(place)])
  return {
    ...found,
    eventsOf: uid => events.filter(({ involvedObject }) => involvedObject.uid === uid),
    eventsOfClaim: name =>
      events.filter(
        ({ involvedObject: about }) => about.kind === 'PersistentVolumeClaim' && about.name === name,
      ),
    eventsNamed: (kind, name) =>
      events.filter(({ involvedObject: about }) => about.kind === kind && about.name === name),
  }
}

async function listEvents({ client, namespace }: Place) {
  try {
    const { items } = await client.list(`/api/v1/namespaces/${namespace}/events`, {
      fieldSelector: eventSelector,
    })
    return items.map(trimEvent)
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return []
    throw error
  }
}

/**
 * The pods that run what is live: those of the current revision. Earlier ones count where the rollout is complete and
 * leaves them (a partition, the strategy OnDelete), and where there are no others.
 */
export function instancesOf({ workload, pods, older }: Belongings): Pod[] {
  const runs = (pod: Pod) => !isEnding(pod) && !['Succeeded', 'Failed'].includes(pod.status?.phase ?? '')
  const [current, earlier] = [pods.filter(runs), older.filter(runs)]
  const complete = workload !== undefined && progressOf(workload).kind === 'done'
  return complete || current.length === 0 ? [...current, ...earlier] : current
}

interface Requirement {
  key: string
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'
  values?: string[]
}

/** The selector of a workload as the API's query has it. */
function selectorOf({ spec }: KubeObject): string {
  const { matchLabels = {}, matchExpressions = [] } = (spec?.['selector'] ?? {}) as {
    matchLabels?: Record<string, string>
    matchExpressions?: Requirement[]
  }
  const expressed = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`
  })
  return [...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`), ...expressed].join(',')
}
