import type { Evidence } from '../../../outcome/outcome.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import { objectsOf } from '../apply/apply.ts'
import { readContainerLog } from './container-log.ts'
import { ofEvents } from './evidence.ts'
import { readPodsWithEvents, type LivePods } from '../rollout/live-pods.ts'
import { stamps, type KubeObject } from '../manifests/objects.ts'
import { isReady, type ContainerStatus, type Pod } from '../rollout/pods.ts'
import type { Place } from '../state/place.ts'
import { inPool } from '../api/pool.ts'
import { collectionPath } from '../api/resources.ts'
import { hasPods, nameOf } from '../rollout/workload.ts'

/** Workloads, and containers of all of them, whose logs are kept: those that fail come first. */
const mostWorkloads = 10
const mostLogs = 24
const logSize = { lines: 60, bytes: 24 * 1024 }
/** Requests that are under way at once. */
const readers = 8

/**
 * What the cluster still shows of a release: the state of its pods, the logs of their containers (init containers and the
 * run before a restart too), and the warnings about them.
 * @returns nothing when the release is not live any more, or its record is gone
 */
export async function readReleaseEvidence(place: Place, id: ReleaseId): Promise<Evidence[]> {
  const { lease, records, service } = place
  const { slots } = await lease.read()
  const record = await records.load(id, slots[id] ?? [])
  if (!record) return []
  const owners = objectsOf(record.body, id, service).filter(hasPods).slice(0, mostWorkloads)
  const found = await inPool(owners, readers, owner => lookAt(place, owner, id))
  const looked = found.flatMap(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value ?? []
  })
  const containers = looked
    .flatMap(({ pods }) => pods.flatMap(pod => containersOf(pod).map(status => ({ pod, status }))))
    .toSorted((a, b) => rank(a.status) - rank(b.status))
  const logs = await inPool(containers.slice(0, mostLogs), readers, ({ pod, status }) =>
    readContainerLog(place, pod, status, logSize),
  )
  const left = containers.length - mostLogs
  const { secrets } = place.adapters
  const state = looked.flatMap(({ owner, ...pods }) => [ofPods(owner, pods), ...eventsOf(pods)])
  return [
    ...state.map(each => ({
      ...each,
      finding: secrets.redactPiece(each.finding),
      ...(each.detail === undefined ? {} : { detail: secrets.redactPiece(each.detail) }),
    })),
    ...logs.flatMap(result => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    }),
    ...(left > 0
      ? [{ subject: 'logs', finding: `those of ${left} more containers are left out`, tone: 'note' } as const]
      : []),
  ]
}

type Looked = LivePods & { owner: KubeObject }

/** Undefined when the object is not there, or is of another release by now. */
async function lookAt(place: Place, owner: KubeObject, id: ReleaseId): Promise<Looked | undefined> {
  const { client, namespace, paths } = place
  const { apiVersion, kind, metadata } = owner
  const resource = await paths.resource(apiVersion, kind)
  const live = await client.get(`${collectionPath(apiVersion, resource, namespace)}/${metadata.name}`)
  if (live?.metadata.labels?.[stamps.release] !== id) return undefined
  return { ...(await readPodsWithEvents(place, { ...live, apiVersion, kind })), owner }
}

function containersOf({ status }: Pod): ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
}

/** 0 failed, 1 is not ready, 2 was restarted, 3 runs, 4 ended well: an init container that did its work. */
function rank({ state, lastState, ready, restartCount }: ContainerStatus): number {
  const ended = state?.terminated ?? lastState?.terminated
  if (ended && ended.exitCode !== 0) return 0
  if (state?.terminated) return 4
  if (!ready) return 1
  return restartCount > 0 ? 2 : 3
}

function ofPods(owner: KubeObject, { pods }: LivePods): Evidence {
  const ready = pods.filter(isReady).length
  const lines = pods.slice(0, mostLogs).map(pod => {
    const phase = pod.status?.reason ?? pod.status?.phase ?? 'unknown'
    return [`${pod.metadata.name}: ${phase}`, ...containersOf(pod).map(stateOf)].join('; ')
  })
  return {
    subject: `pods of ${nameOf(owner)}`,
    finding: `${ready} of ${pods.length} ready`,
    tone: ready < pods.length ? 'bad' : 'note',
    ...(lines.length > 0 ? { detail: lines.join('\n') } : {}),
  }
}

function stateOf({ name, state, lastState, restartCount, ready }: ContainerStatus): string {
  const ended = state?.terminated ?? lastState?.terminated
  const facts = [
    state?.running ? (ready ? 'ready' : 'runs, not ready') : (state?.waiting?.reason ?? 'ended'),
    ...(ended ? [`exit code ${ended.exitCode}${ended.reason ? ` (${ended.reason})` : ''}`] : []),
    ...(restartCount > 0 ? [`restarts: ${restartCount}`] : []),
  ]
  return `${name} ${facts.join(', ')}`
}

/** Warnings about the workload, what makes its pods, and the pods: those of one kind from several pods are reported once. */
function eventsOf(found: LivePods): Evidence[] {
  const events = ofEvents(found, found.pods)
  return events ? [events] : []
}
