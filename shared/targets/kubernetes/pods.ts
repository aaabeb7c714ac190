/** A pod, as far as a rollout is judged by it. */
export interface Pod {
  metadata: {
    name: string
    uid: string
    creationTimestamp?: string
    deletionTimestamp?: string
    /** Only those that tell the revision of a StatefulSet's or DaemonSet's pod. */
    labels?: Record<string, string>
    /** Only the controller. */
    ownerReferences?: { uid: string; controller?: boolean }[]
  }
  status?: {
    phase?: string
    reason?: string
    message?: string
    conditions?: PodCondition[]
    initContainerStatuses?: ContainerStatus[]
    containerStatuses?: ContainerStatus[]
    nominatedNodeName?: string
  }
  node?: string
  /** Names of its PersistentVolumeClaims. */
  claims?: string[]
}

export interface PodCondition {
  type: string
  status: string
  reason?: string
  message?: string
  lastTransitionTime?: string
}

export interface ContainerStatus {
  name: string
  ready: boolean
  started?: boolean
  restartCount: number
  state?: ContainerState
  lastState?: ContainerState
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: Termination
}

export interface Termination {
  exitCode: number
  reason?: string
  message?: string
  signal?: number
  startedAt?: string
  finishedAt?: string
}

/** How long a container ran; NaN when it is not known. Milliseconds. */
export function lastedMs(ended: Termination | undefined): number {
  return Date.parse(ended?.finishedAt ?? '') - Date.parse(ended?.startedAt ?? '')
}

export interface ReplicaSet {
  metadata: {
    name: string
    uid: string
    /** Only the revision. */
    annotations?: Record<string, string>
    ownerReferences?: { uid: string; controller?: boolean }[]
  }
}

/** An Event, as far as it tells what the status of an object does not. */
export interface PodEvent {
  metadata: { uid: string }
  type?: string
  reason?: string
  message?: string
  count?: number
  /** When it happened last, ISO 8601. */
  at?: string
  involvedObject: { uid?: string; kind?: string; name?: string; fieldPath?: string }
}

/** Annotation of a Deployment and of its ReplicaSets: which of them is the current one. */
export const revisionKey = 'deployment.kubernetes.io/revision'
/** Label of the pods of StatefulSets and DaemonSets: the name of the ControllerRevision, or its hash. */
export const revisionHashKey = 'controller-revision-hash'
/** Label of a DaemonSet's pods: the number that the annotation of the DaemonSet has. */
export const templateGenerationKey = 'pod-template-generation'

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
  'Completed',
]
  .map(reason => `reason!=${reason}`)
  .join(',')

/** The parts of a pod that are kept in memory while thousands are watched. */
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

/** The container, or pod as a whole, serves. */
export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false
}

export function isEnding({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined
}

/**
 * How long a pod's containers took from their start to being ready, milliseconds; undefined while it is not. The cluster
 * writes whole seconds, so it is up to one second longer than it says.
 */
export function startTimeOf({ status }: Pod): number | undefined {
  const ready = status?.conditions?.find(({ type, status: value }) => type === 'Ready' && value === 'True')
  const starts = (status?.containerStatuses ?? []).map(({ state }) =>
    Date.parse(state?.running?.startedAt ?? ''),
  )
  const took = Date.parse(ready?.lastTransitionTime ?? '') - Math.min(...starts)
  return Number.isFinite(took) && took >= 0 ? took + 1_000 : undefined
}
