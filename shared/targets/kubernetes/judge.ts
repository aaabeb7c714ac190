import type { DeploymentStatus } from './live.ts'
import { rolledOut } from './live.ts'
import { podTemplate, type KubeObject } from './objects.ts'
import type { Pod, PodEvent, ReplicaSet } from './pods.ts'
import { symptomOf, type Symptom } from './symptoms.ts'

/** One workload and what belongs to it, as the cluster shows it at one moment. */
export interface View {
  deployment: KubeObject
  replicaSets: ReplicaSet[]
  pods: Pod[]
  events: PodEvent[]
  /** The cluster may start further nodes by itself. */
  mayGrow: boolean
}

/** When each symptom was seen first, by its key: milliseconds of a monotonic clock. */
export type Memory = ReadonlyMap<string, number>

export type Verdict =
  | { kind: 'ready' }
  /**
   * `state` is how far it is, `trouble` what stands in its way at the moment; `lookAgainMs` is when time alone may change
   * the verdict: Infinity when only the cluster can.
   */
  | { kind: 'progressing'; state: string; trouble: string; lookAgainMs: number }
  | { kind: 'doomed'; symptom: Symptom }

/** While other pods of the revision are well, a doomed one gets more time: its node may be the cause. */
const aloneMs = 30_000
/** The controller tries again after a refusal; a quota may become free when old pods end. */
const quotaMs = 5_000
/** How long a start is left without a word. */
const quietStartMs = 10_000
/** Time alone changes nothing sooner than this. */
const leastPauseMs = 250
/** A webhook that cannot be reached at the moment. */
const webhookMs = 30_000

/**
 * Decides from what is there whether a rollout is done, on its way, or cannot succeed. Only pods of the new ReplicaSet
 * count, found by their owner's UID, and nothing is believed before the controller has seen the new generation.
 * @param memory from the judgement before; the first has an empty one
 * @param now milliseconds of a monotonic clock
 */
export function judge(view: View, memory: Memory, now: number): { verdict: Verdict; memory: Memory } {
  const state = rolledOut(view.deployment)
  const { status, spec } = view.deployment
  const { observedGeneration = 0, conditions = [] } = (status ?? {}) as DeploymentStatus
  if (observedGeneration < (view.deployment.metadata.generation ?? 0)) {
    return { verdict: { kind: 'progressing', state, trouble: '', lookAgainMs: Infinity }, memory: new Map() }
  }
  if (state === '') return { verdict: { kind: 'ready' }, memory: new Map() }
  const name = view.deployment.metadata.name
  if (spec?.['paused'] === true) {
    const message = `Deployment ${name} is paused, so nothing rolls out. Resume it: kubectl rollout resume deployment/${name}`
    return { verdict: doomed(ofDeployment('paused', message)), memory: new Map() }
  }
  const late = conditions.find(
    each => each.type === 'Progressing' && each.reason === 'ProgressDeadlineExceeded',
  )

  const template = podTemplate(view.deployment)
  const replicaSet = newReplicaSet(view)
  const pods = view.pods.filter(
    ({ metadata, status: { phase } = {} }) =>
      metadata.deletionTimestamp === undefined &&
      phase !== 'Failed' &&
      metadata.ownerReferences?.some(({ uid }) => uid === replicaSet?.metadata.uid),
  )
  const seen = new Map<string, number>()
  let lookAgainMs = Infinity
  const someWell = pods.some(isReady)
  const making = view.pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined)
  const isOver = (symptom: Symptom): boolean => {
    const key = keyOf(symptom)
    const since = memory.get(key) ?? now
    seen.set(key, since)
    const left = since + symptom.graceMs + (someWell && symptom.pod ? aloneMs : 0) - now
    // Old pods that are ending make room.
    const waits = left > 0 || (making && (symptom.class === 'unschedulable' || symptom.class === 'quota'))
    if (waits) lookAgainMs = Math.min(lookAgainMs, Math.max(left, leastPauseMs))
    return !waits
  }
  const unready = pods.filter(pod => !isReady(pod))
  const sick = unready
    .map(pod => template && symptomOf(pod, { ...view, template }))
    .filter(symptom => symptom !== undefined)
  // That a container runs and is not ready yet is how every start looks.
  const worthTelling = (symptom: Symptom) =>
    symptom.class !== 'not-ready' || now - (seen.get(keyOf(symptom)) ?? now) > quietStartMs
  const refused = refusal(view)
  const over = sick.filter(isOver)
  const hopeless = refused && isOver(refused) ? refused : over.length === unready.length ? over[0] : undefined
  if (hopeless) return { verdict: doomed(hopeless), memory: seen }
  const [first = refused] = sick
  if (late) {
    const text = `Deployment ${name} made no progress in its progressDeadlineSeconds.`
    return { verdict: doomed(first ?? ofDeployment('deadline-exceeded', text)), memory: seen }
  }
  return {
    verdict: {
      kind: 'progressing',
      state,
      trouble: first && worthTelling(first) ? first.message : '',
      lookAgainMs,
    },
    memory: seen,
  }
}

function keyOf(symptom: Symptom): string {
  return `${symptom.class}/${symptom.pod}/${symptom.container}`
}

/** The ReplicaSet of the Deployment's current template: the one that bears its revision. */
export function newReplicaSet({ deployment, replicaSets }: View): ReplicaSet | undefined {
  const key = 'deployment.kubernetes.io/revision'
  const revision = deployment.metadata.annotations?.[key]
  return replicaSets.find(
    ({ metadata }) =>
      metadata.annotations?.[key] === revision &&
      metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid),
  )
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false
}

/** The cluster does not let the controller make pods. */
function refusal({ deployment: { status } }: View): Symptom | undefined {
  const { conditions = [] } = (status ?? {}) as DeploymentStatus
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
  if (!failure) return undefined
  const said = failure.message ?? ''
  if (/exceeded quota|maximum .* usage per/i.test(said)) {
    return { ...ofDeployment('quota', `No pod may be made: ${said}`), graceMs: quotaMs }
  }
  if (/failed calling webhook|timeout|connection refused|internal error/i.test(said)) {
    return { ...ofDeployment('admission', `No pod can be made: ${said}`), graceMs: webhookMs }
  }
  return ofDeployment('admission', `No pod may be made: ${said}`)
}

function ofDeployment(kind: string, message: string): Symptom {
  return { class: kind, pod: '', container: '', message, graceMs: 0 }
}

function doomed(symptom: Symptom): Verdict {
  return { kind: 'doomed', symptom }
}
