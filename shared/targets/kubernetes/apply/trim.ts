import {
  revisionHashKey,
  revisionKey,
  templateGenerationKey,
  type ContainerState,
  type ContainerStatus,
  type Pod,
  type PodCondition,
  type PodEvent,
  type ReplicaSet,
  type Termination,
} from '../rollout/pods.ts'

/*
 * What is kept in memory of each object while thousands are watched.
 */

/** Events that only say that all goes its way: thousands of them in a large release. The API leaves them out. */
export const eventSelector = [
  'Scheduled',
  'Pulling',
  'Pulled',
  'Created',
  'Started',
  'SuccessfulCreate',
  'SuccessfulDelete',
  'ScalingReplicaSet',
  'LeaderElection',
  'SuccessfulRescale',
]
  .map(reason => `reason!=${reason}`)
  .join(',')

/** A pod, as the API gives it, without what no rollout is judged by. */
export function trimPod(item: object): Pod {
  const { metadata, status = {}, spec } = item as Pod & { spec?: RawSpec }
  const { name, uid, creationTimestamp, deletionTimestamp, labels = {}, ownerReferences = [] } = metadata
  const { phase, reason, message, nominatedNodeName } = status
  const { conditions, initContainerStatuses, containerStatuses } = status
  const claims = (spec?.volumes ?? []).flatMap(volume => volume.persistentVolumeClaim?.claimName ?? [])
  const kept = Object.entries(labels).filter(
    ([key]) => key === revisionHashKey || key === templateGenerationKey,
  )
  return said<Pod>({
    metadata: said<Pod['metadata']>({
      name,
      uid,
      creationTimestamp,
      deletionTimestamp,
      labels: kept.length > 0 ? Object.fromEntries(kept) : undefined,
      ownerReferences: controllerOf(ownerReferences),
    }),
    status: said<NonNullable<Pod['status']>>({
      phase,
      reason,
      message,
      nominatedNodeName,
      // Conditions that hold say nothing, but when the pod became ready.
      conditions: conditions
        ?.filter(({ type, status: value }) => type === 'Ready' || value !== 'True')
        .map(({ type, status: value, ...rest }) =>
          said<PodCondition>({
            type,
            status: value,
            reason: rest.reason,
            message: rest.message,
            lastTransitionTime: rest.lastTransitionTime,
          }),
        ),
      initContainerStatuses: initContainerStatuses?.map(trimContainer),
      containerStatuses: containerStatuses?.map(trimContainer),
    }),
    node: spec?.nodeName,
    claims: claims.length > 0 ? claims : undefined,
  })
}

interface RawSpec {
  nodeName?: string
  volumes?: { persistentVolumeClaim?: { claimName: string } }[]
}

function trimContainer({
  name,
  ready,
  started,
  restartCount,
  state,
  lastState,
}: ContainerStatus): ContainerStatus {
  const ended = lastState?.terminated
  return said<ContainerStatus>({
    name,
    ready,
    started,
    restartCount,
    state: state && trimState(state),
    lastState: ended && trimState({ terminated: ended }),
  })
}

function trimState({ waiting, running, terminated }: ContainerState): ContainerState {
  const ended = terminated && {
    exitCode: terminated.exitCode,
    reason: terminated.reason,
    message: terminated.message,
    signal: terminated.signal,
    startedAt: terminated.startedAt,
    finishedAt: terminated.finishedAt,
  }
  return said<ContainerState>({ waiting, running, terminated: ended && said<Termination>(ended) })
}

function controllerOf(owners: { uid: string; controller?: boolean }[]): { uid: string }[] {
  return owners.filter(({ controller }) => controller !== false).map(({ uid }) => ({ uid }))
}

/** A ReplicaSet, as the API gives it, without what no rollout is judged by. */
export function trimReplicaSet(item: object): ReplicaSet {
  const { name, uid, annotations, ownerReferences = [] } = (item as ReplicaSet).metadata
  const revision = annotations?.[revisionKey]
  return {
    metadata: said<ReplicaSet['metadata']>({
      name,
      uid,
      annotations: revision === undefined ? undefined : { [revisionKey]: revision },
      ownerReferences: controllerOf(ownerReferences),
    }),
  }
}

/** An Event, as the API gives it, without what no rollout is judged by. */
export function trimEvent(item: object): PodEvent {
  const event = item as PodEvent & RawEvent
  const { metadata, type, reason, message, series, involvedObject } = event
  const { uid, kind, name, fieldPath } = involvedObject
  return said<PodEvent>({
    metadata: { uid: metadata.uid },
    type,
    reason,
    message,
    count: series?.count ?? event.count ?? undefined,
    at:
      series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp,
    involvedObject: said<PodEvent['involvedObject']>({ uid, kind, name, fieldPath }),
  })
}

interface RawEvent {
  metadata: { uid: string; creationTimestamp?: string }
  lastTimestamp?: string | null
  eventTime?: string | null
  series?: { count?: number; lastObservedTime?: string } | null
}

/** Only the keys that have a value. */
function said<T extends object>(object: { [K in keyof T]-?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}
