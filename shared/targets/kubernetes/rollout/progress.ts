import type { KubeObject } from '../manifests/objects.ts'

/** How far the controller of an object says that it is. */
export type Progress =
  /** `note`: what a person should know all the same. */
  | { kind: 'done'; note: string }
  | { kind: 'going'; state: string }
  /** The controller has not looked at the object as it is now: nothing that it says is believed. */
  | { kind: 'unseen'; state: string }
  | { kind: 'failed'; class: string; message: string }

export interface Condition {
  type: string
  status: string
  reason?: string
  message?: string
}

/** Conditions of any object's status. */
export function conditionsOf(object: KubeObject): Condition[] {
  return (object['status'] as { conditions?: Condition[] } | undefined)?.conditions ?? []
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  return conditionsOf(object).find(condition => condition.type === type)
}

/** The rules of `kubectl rollout status` for workloads, of kstatus for anything else that has a status. */
export function progressOf(object: KubeObject): Progress {
  const { observedGeneration } = (object['status'] ?? {}) as { observedGeneration?: number }
  const workload = rules[object.kind]
  const generation = object.metadata.generation ?? 0
  if (workload?.observed === true && (observedGeneration ?? 0) < generation) return unseen
  if (workload) return workload.progress(object)
  if (observedGeneration !== undefined && observedGeneration < generation) return unseen
  return ofCustom(object)
}

/** What is still to come, in words, or the empty string when nothing is. */
export function rolledOut(object: KubeObject): string {
  const progress = progressOf(object)
  if (progress.kind === 'done') return ''
  return progress.kind === 'failed' ? progress.message : progress.state
}

const unseen: Progress = { kind: 'unseen', state: 'its controller has not seen it yet' }

interface Rule {
  /** Its status has an observedGeneration from the first. */
  observed: boolean
  progress(object: KubeObject): Progress
}

const rules: Partial<Record<string, Rule>> = {
  Deployment: { observed: true, progress: ofDeployment },
  StatefulSet: { observed: true, progress: ofStatefulSet },
  DaemonSet: { observed: true, progress: ofDaemonSet },
  Job: { observed: false, progress: ofJob },
}

function done(note = ''): Progress {
  return { kind: 'done', note }
}

function going(state: string): Progress {
  return { kind: 'going', state }
}

type Counts = Partial<Record<string, number>>

function ofDeployment({ metadata, spec, status }: KubeObject): Progress {
  const counts = (status ?? {}) as Counts
  const [replicas, updated, available] = read(counts, 'replicas', 'updatedReplicas', 'availableReplicas')
  const wanted = Number(spec?.['replicas'] ?? 1)
  if (updated >= wanted && replicas <= updated && available >= updated) return done()
  if (spec?.['paused'] === true) {
    return {
      kind: 'failed',
      class: 'paused',
      message: `Deployment ${metadata.name} is paused, so nothing rolls out. Resume it: kubectl rollout resume deployment/${metadata.name}`,
    }
  }
  if (updated < wanted) return going(`${updated} of ${wanted} new pods made`)
  if (replicas > updated) return going(`${replicas - updated} old pods are left`)
  return going(`${available} of ${updated} new pods available`)
}

function ofStatefulSet({ spec, status }: KubeObject): Progress {
  const counts = (status ?? {}) as Counts
  const { updateRevision, currentRevision } = (status ?? {}) as Partial<Record<string, string>>
  const { type = 'RollingUpdate', rollingUpdate } = strategyOf(spec)
  const wanted = Number(spec?.['replicas'] ?? 1)
  const partition = Math.min(rollingUpdate?.partition ?? 0, wanted)
  // Its `availableReplicas` are those that were ready for minReadySeconds.
  const well = Number(spec?.['minReadySeconds'] ?? 0) > 0 ? 'availableReplicas' : 'readyReplicas'
  const [replicas, updated, ready] = read(counts, 'replicas', 'updatedReplicas', well)
  if (replicas > wanted) return going(`${replicas - wanted} pods too many are left`)
  if (type === 'OnDelete') {
    if (ready < wanted) return going(`${ready} of ${wanted} pods ready`)
    return done(updateRevision === currentRevision ? '' : onDelete)
  }
  if (updated < wanted - partition) return going(`${updated} of ${wanted - partition} pods updated`)
  if (ready < wanted) return going(`${ready} of ${wanted} pods ready`)
  if (partition > 0)
    return done(`the pods below ordinal ${partition} keep what they have, as its partition says`)
  return updateRevision === currentRevision ? done() : going('its controller has not closed the update yet')
}

const onDelete = 'its pods take the new revision when they are deleted, as its strategy OnDelete says'

function ofDaemonSet({ spec, status }: KubeObject): Progress {
  const counts = (status ?? {}) as Counts
  const [wanted, updated, available] = read(
    counts,
    'desiredNumberScheduled',
    'updatedNumberScheduled',
    'numberAvailable',
  )
  if (strategyOf(spec).type === 'OnDelete') {
    if (available < wanted) return going(`${available} of ${wanted} pods available`)
    return done(updated < wanted ? onDelete : '')
  }
  if (updated < wanted) return going(`${updated} of ${wanted} pods updated`)
  if (available < wanted) return going(`${available} of ${wanted} pods available`)
  return done(wanted === 0 ? 'no node is meant for it' : '')
}

function ofJob(job: KubeObject): Progress {
  const { metadata, spec, status } = job
  const isTrue = (type: string) => {
    const condition = conditionOf(job, type)
    return condition?.status === 'True' ? condition : undefined
  }
  if (isTrue('Complete') ?? isTrue('SuccessCriteriaMet')) return done()
  const failed = isTrue('Failed') ?? isTrue('FailureTarget')
  if (failed) {
    const why = failed.reason === 'DeadlineExceeded' ? 'did not end within activeDeadlineSeconds' : 'failed'
    return {
      kind: 'failed',
      class: 'job-failed',
      message: `Job ${metadata.name} ${why}: ${failed.message ?? failed.reason ?? ''}`,
    }
  }
  if (spec?.['suspend'] === true) return done('it is suspended, and not waited for')
  const [succeeded, active, lost] = read((status ?? {}) as Counts, 'succeeded', 'active', 'failed')
  const wanted = Number(spec?.['completions'] ?? 1)
  const retries =
    lost > 0 ? `, ${lost} of at most ${Number(spec?.['backoffLimit'] ?? 6) + 1} attempts failed` : ''
  return going(`${succeeded} of ${wanted} done, ${active} active${retries}`)
}

/** Nothing is known of its kind, but what kstatus takes as the convention: no condition is no reason to wait. */
function ofCustom(object: KubeObject): Progress {
  const { kind, metadata } = object
  const said = ({ type, status, reason, message }: Condition) =>
    `${type} is ${status}: ${message?.trim() ? message : (reason ?? '')}`
  const stalled = conditionOf(object, 'Stalled')
  if (stalled?.status === 'True') {
    return { kind: 'failed', class: 'stalled', message: `${kind} ${metadata.name}: ${said(stalled)}` }
  }
  const reconciling = conditionOf(object, 'Reconciling')
  if (reconciling?.status === 'True') return going(said(reconciling))
  const ready = conditionOf(object, 'Ready') ?? conditionOf(object, 'Available')
  return !ready || ready.status === 'True' ? done() : going(said(ready))
}

function strategyOf(spec: KubeObject['spec']): { type?: string; rollingUpdate?: { partition?: number } } {
  return spec?.['updateStrategy'] ?? {}
}

function read<Keys extends string[]>(counts: Counts, ...keys: Keys): { [K in keyof Keys]: number } {
  return keys.map(key => counts[key] ?? 0) as { [K in keyof Keys]: number }
}
