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
