import { keyOf, type KubeObject } from '../manifests/objects.ts'
import {
  isEnding,
  revisionHashKey,
  revisionKey,
  templateGenerationKey,
  type Pod,
  type PodEvent,
  type ReplicaSet,
} from '../rollout/pods.ts'
import { templateGenerationOf, type Workload } from '../rollout/workload.ts'

/** One workload and what belongs to it, as the cluster shows it at one moment. */
export interface Belongings {
  /** Undefined: it is not there. */
  workload: Workload | undefined
  /** Pods of the current revision. */
  pods: Pod[]
  /** Pods of earlier revisions. */
  older: Pod[]
  /** Some pod of the namespace is ending: it makes room. */
  someEnding: boolean
  /** UIDs of the workload and of what makes its current pods. */
  makers: string[]
  /** What the cluster told of an object, in the order in which it came. */
  eventsOf: (uid: string) => PodEvent[]
  /** The same for a PersistentVolumeClaim, which pods know by its name. */
  eventsOfClaim: (name: string) => PodEvent[]
  /** The same for an object that was never seen, and so has no known UID. */
  eventsNamed: (kind: string, name: string) => PodEvent[]
}

/** Where a watch puts what it hears. */
export interface Sink<T> {
  put(item: T): void
  drop(uid: string): void
}

/**
 * Everything that is watched, by what it belongs to, so that one change is looked up in one step however many objects
 * there are.
 */
export interface Index {
  workloads: Sink<Workload>
  replicaSets: Sink<ReplicaSet>
  pods: Sink<Pod>
  events: Sink<PodEvent>
  /** What belongs to a workload now. */
  of(workload: KubeObject): Belongings
  /** Keys of the workloads that something changed about since this was asked last. */
  takeChanged(): Set<string>
}

export function createIndex(): Index {
  const workloads = new Map<string, Workload>()
  const keys = new Map<string, string>()
  const replicaSets = groups<ReplicaSet>(({ metadata }) => metadata.ownerReferences?.[0]?.uid ?? '')
  const pods = groups<Pod>(({ metadata }) => metadata.ownerReferences?.[0]?.uid ?? '')
  const events = groups<PodEvent>(subjectOf)
  const ending = new Set<string>()
  let changed = new Set<string>()

  /** Marks the workload that is, or owns the maker of, what has this UID. */
  const mark = (uid: string): boolean => {
    const key = keys.get(uid) ?? keys.get(replicaSets.groupOf(uid) ?? '')
    if (key !== undefined) changed.add(key)
    return key !== undefined
  }
  const markEventOf = (event: PodEvent): void => {
    const { uid = '', kind } = event.involvedObject
    if (mark(uid) || mark(pods.groupOf(uid) ?? '')) return
    // A claim is known by its name: pods that wait for it are looked at again.
    if (kind === 'PersistentVolumeClaim') for (const key of keys.values()) changed.add(key)
  }

  return {
    workloads: {
      put(workload) {
        const { uid = '' } = workload.metadata
        const key = keyOf(workload)
        workloads.set(key, workload)
        keys.set(uid, key)
        changed.add(key)
      },
      drop(uid) {
        const key = keys.get(uid)
        if (key === undefined) return
        keys.delete(uid)
        // Made again under its name, it has another UID.
        if (workloads.get(key)?.metadata.uid === uid) workloads.delete(key)
        changed.add(key)
      },
    },
    replicaSets: {
      put(replicaSet) {
        replicaSets.put(replicaSet.metadata.uid, replicaSet)
        mark(replicaSet.metadata.uid)
      },
      drop(uid) {
        mark(uid)
        replicaSets.drop(uid)
      },
    },
    pods: {
      put(pod) {
        const { uid } = pod.metadata
        pods.put(uid, pod)
        if (isEnding(pod)) ending.add(uid)
        mark(pods.groupOf(uid) ?? '')
      },
      drop(uid) {
        mark(pods.groupOf(uid) ?? '')
        pods.drop(uid)
        ending.delete(uid)
      },
    },
    events: {
      put(event) {
        events.put(event.metadata.uid, event)
        markEventOf(event)
      },
      drop: uid => events.drop(uid),
    },
    of(manifest) {
      const workload = workloads.get(keyOf(manifest))
      const uid = workload?.metadata.uid ?? ''
      const current = workload && currentOf(workload, replicaSets.of(uid))
      const owners = [uid, ...replicaSets.of(uid).map(({ metadata }) => metadata.uid)]
      const all = workload ? owners.flatMap(owner => pods.of(owner)) : []
      return {
        workload,
        pods: all.filter(pod => current?.(pod)),
        older: all.filter(pod => !current?.(pod)),
        someEnding: ending.size > 0,
        makers: [uid, ...(workload ? makersOf(workload, replicaSets.of(uid)) : [])],
        eventsOf: about => events.of(about),
        eventsOfClaim: name => events.of(claimKey(name)),
        eventsNamed: (kind, name) =>
          events.all().filter(({ involvedObject: about }) => about.kind === kind && about.name === name),
      }
    },
    takeChanged() {
      const taken = changed
      changed = new Set()
      return taken
    },
  }
}

/** Whether a pod is of the current revision of its workload. */
function currentOf(workload: Workload, replicaSets: ReplicaSet[]): (pod: Pod) => boolean {
  if (workload.kind === 'Job') return () => true
  if (workload.kind === 'Deployment') {
    const makers = makersOf(workload, replicaSets)
    return ({ metadata }) => makers.includes(metadata.ownerReferences?.[0]?.uid ?? '')
  }
  if (workload.kind === 'StatefulSet') {
    const { updateRevision } = (workload['status'] ?? {}) as { updateRevision?: string }
    return ({ metadata }) => metadata.labels?.[revisionHashKey] === updateRevision
  }
  const generation = templateGenerationOf(workload)
  return ({ metadata }) => metadata.labels?.[templateGenerationKey] === generation
}

/** The ReplicaSet of a Deployment's current template: the one that bears its revision. */
function makersOf({ metadata }: Workload, replicaSets: ReplicaSet[]): string[] {
  const revision = metadata.annotations?.[revisionKey]
  if (revision === undefined) return []
  return replicaSets
    .filter(each => each.metadata.annotations?.[revisionKey] === revision)
    .map(each => each.metadata.uid)
}

function claimKey(name: string): string {
  return `PersistentVolumeClaim/${name}`
}

function subjectOf({ involvedObject: { kind, name = '', uid = '' } }: PodEvent): string {
  return kind === 'PersistentVolumeClaim' ? claimKey(name) : uid
}

interface Groups<T> {
  put(uid: string, item: T): void
  drop(uid: string): void
  of(group: string): T[]
  all(): T[]
  groupOf(uid: string): string | undefined
}

/** Items by their UID, found by the group that they are in. One that is put again comes last. */
function groups<T>(groupOf: (item: T) => string): Groups<T> {
  const members = new Map<string, Map<string, T>>()
  const homes = new Map<string, string>()
  const drop = (uid: string): void => {
    const home = homes.get(uid)
    if (home === undefined) return
    homes.delete(uid)
    const group = members.get(home)
    group?.delete(uid)
    if (group?.size === 0) members.delete(home)
  }
  return {
    put(uid, item) {
      drop(uid)
      const home = groupOf(item)
      homes.set(uid, home)
      const group = members.get(home) ?? new Map<string, T>()
      group.set(uid, item)
      members.set(home, group)
    },
    drop,
    of: group => [...(members.get(group)?.values() ?? [])],
    all: () => [...members.values()].flatMap(group => [...group.values()]),
    groupOf: uid => homes.get(uid),
  }
}
