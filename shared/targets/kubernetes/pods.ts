/** A pod, as far as a rollout is judged by it. */
export interface Pod {
  metadata: {
    name: string
    uid: string
    deletionTimestamp?: string
    ownerReferences?: { uid: string; controller?: boolean }[]
  }
  status?: {
    phase?: string
    reason?: string
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
    initContainerStatuses?: ContainerStatus[]
    containerStatuses?: ContainerStatus[]
  }
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
  terminated?: { exitCode: number; reason?: string; message?: string; signal?: number }
}

export interface ReplicaSet {
  metadata: {
    name: string
    uid: string
    annotations?: Record<string, string>
    ownerReferences?: { uid: string; controller?: boolean }[]
  }
}

/** An Event, as far as it tells what a pod's status does not. */
export interface PodEvent {
  metadata: { uid: string }
  type?: string
  reason?: string
  message?: string
  count?: number
  involvedObject: { uid?: string; kind?: string; name?: string; fieldPath?: string }
}

/** The parts of a pod that are kept in memory while thousands are watched. */
export function trimPod(item: object): Pod {
  const { metadata, status = {} } = item as Pod
  const { name, uid, deletionTimestamp, ownerReferences } = metadata
  const { phase, reason, conditions, initContainerStatuses, containerStatuses } = status
  return {
    metadata: said<Pod['metadata']>({ name, uid, deletionTimestamp, ownerReferences }),
    status: said<NonNullable<Pod['status']>>({
      phase,
      reason,
      conditions,
      initContainerStatuses,
      containerStatuses,
    }),
  }
}

export function trimReplicaSet(item: object): ReplicaSet {
  const { name, uid, annotations, ownerReferences } = (item as ReplicaSet).metadata
  return { metadata: said<ReplicaSet['metadata']>({ name, uid, annotations, ownerReferences }) }
}

export function trimEvent(item: object): PodEvent {
  const { metadata, type, reason, message, count, involvedObject } = item as PodEvent
  return said<PodEvent>({ metadata: { uid: metadata.uid }, type, reason, message, count, involvedObject })
}

/** Only the keys that have a value. */
function said<T extends object>(object: { [K in keyof T]-?: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T
}
