import type { Belongings } from '../apply/belongings.ts'
import { isMigration } from '../migrate/marks.ts'
import { podTemplate, type KubeObject } from '../manifests/objects.ts'
import { failedPods, outOfMemory } from './pod-trouble.ts'
import { isEnding, isReady, startTimeOf, type Pod } from './pods.ts'
import { conditionOf, progressOf, type Progress } from './progress.ts'
import { refusal } from '../api/refusal.ts'
import { steadyLeftMs } from '../apply/steady.ts'
import { symptomOf } from './symptoms.ts'
import type { Known, Symptom } from './symptom.ts'
import { hasPods, isCustom, nameOf, type Workload } from './workload.ts'

/** What a workload is judged by. */
export interface View extends Belongings, Pick<Known, 'growth' | 'images' | 'arrived'> {
  manifest: KubeObject
  /** One that is brought back has shown before that it stays up. */
  release: 'new' | 'proven'
}

/** What earlier judgements of the same object have found out. */
export interface Memory {
  /** When each symptom was seen first, by its key: milliseconds of a monotonic clock. */
  since: ReadonlyMap<string, number>
  /** How long the slowest start that went well took, by pods of the cluster, milliseconds. */
  usualMs: number | undefined
  /** The same of earlier releases, as it was recorded. It counts instead of what older pods show. */
  recordedMs?: number
  /** How long the slowest pod of this revision took, as it was watched; undefined while none became ready. */
  startMs?: number
  /** When each pod of this revision was seen to run first, on the monotonic clock; `over` once it was ready. */
  begun?: ReadonlyMap<string, number | 'over'>
  /** UID of the object when it was there last; undefined while it has not been there yet. */
  uid?: string
  /** It was seen to be done: a final state of a Job, the readiness of a custom resource. */
  done?: boolean
}

export const blank: Memory = { since: new Map(), usualMs: undefined }

export type Verdict =
  | { kind: 'ready'; note: string }
  /** The object is gone, and nothing shows how it ended: it is not waited for. `message` is one sentence. */
  | { kind: 'unknown'; message: string }
  /**
   * `state` is how far it is, `trouble` what stands in its way at the moment; `lookAgainMs` is when time alone may change
   * the verdict: Infinity when only the cluster can.
   */
  | { kind: 'progressing'; state: string; trouble: string; lookAgainMs: number }
  | { kind: 'doomed'; symptom: Symptom }

export interface Judgement {
  verdict: Verdict
  memory: Memory
}

/** While other pods of the revision are well, a doomed one gets more time: its node may be the cause. */
const aloneMs = 30_000
/** How long a start is left without a word. */
const quietStartMs = 10_000
/** Time alone changes nothing sooner than this. */
const leastPauseMs = 250
/** A controller that has just seen a new template may have the conditions of the one before for an instant. */
const staleConditionMs = 2_000
/** The lists of different kinds are not of the same moment. */
const absentMs = 3_000
/** Old pods that are ending make room; one that does not end in this time does not. */
const endingMs = 60_000

/**
 * Decides from what is there whether a rollout is done, on its way, or cannot succeed. Only pods of the new revision
 * count, and nothing is believed before the controller has seen the new generation.
 * @param memory from the judgement before; the first has a blank one
 * @param now milliseconds of a monotonic clock
 */
export function judge(view: View, memory: Memory, now: number): Judgement {
  const { workload } = view
  if (!workload) return judgeAbsent(view, memory, openBook(memory, now))
  const progress = progressOf(workload)
  const book = openBook(remember(memory, view, progress, now), now)
  if (progress.kind === 'unseen')
    return { verdict: going(progress.state), memory: { ...blank, usualMs: memory.usualMs } }
  const living = view.pods.filter(pod => !isEnding(pod) && !isOver(pod))
  // Pods that are up again look well, until they run out once more.
  const starved = workload.kind === 'Job' || view.release === 'proven' ? undefined : outOfMemory(living)
  if (starved) return book.close({ kind: 'doomed', symptom: starved })
  if (progress.kind === 'done') {
    const left = view.release === 'new' ? steadyLeftMs(view, book.sinceOf, now) : 0
    if (left <= 0) return book.close({ kind: 'ready', note: progress.note })
    return book.close(going('all pods are ready; whether they stay up is watched', left))
  }
  const template = podTemplate(workload)
  if (progress.kind === 'failed') {
    const symptom = ofWorkload(progress.class, progress.message)
    return book.close({ kind: 'doomed', symptom: { ...symptom, ...lastFailed(workload, view.pods) } })
  }
  if (!template) return book.close(going(progress.state))

  const usualMs = usualStartOf(view, book.memory)
  const known: Known = { ...view, template, usualMs, retried: workload.kind === 'Job' }
  const unready = living.filter(pod => !isReady(pod))
  const sick = unready.map(pod => symptomOf(pod, view, known)).filter(symptom => symptom !== undefined)
  const someWell = unready.length < living.length
  const extraMs = (symptom: Symptom): number => {
    const waitsForRoom = view.someEnding && /^(unschedulable|quota)$/.test(symptom.class)
    return (someWell && symptom.pod ? aloneMs : 0) + (waitsForRoom ? endingMs : 0)
  }
  const over = sick.filter(symptom => book.isOver(symptom, extraMs(symptom)))
  const general = [
    refusal(workload, view),
    workload.kind === 'Job' ? undefined : failedPods(view.pods),
    late(workload),
  ]
    .filter(symptom => symptom !== undefined)
    .find(symptom => book.isOver(symptom, extraMs(symptom)))
  const first = earliest(over, book.sinceOf)
  const hopeless = over.length > 0 && over.length === unready.length ? first : undefined
  const blocking = blockedBy(workload, view)
  const stuck = blocking && book.isOver(blocking, 0) ? blocking : undefined
  const found = hopeless ?? (general?.class === 'deadline-exceeded' ? (sick[0] ?? general) : general) ?? stuck
  if (found) return book.close({ kind: 'doomed', symptom: tellHowMany(found, over, living) }, usualMs)
  // That a container runs and is not ready yet is how every start looks.
  const [trouble = blocking] = sick.filter(
    symptom => symptom.class !== 'not-ready' || now - book.sinceOf(keyOf(symptom)) > quietStartMs,
  )
  return book.close(going(progress.state, Infinity, trouble?.message), usualMs)
}

/** What outlives the object (which one it was, that it was done where that is an end), and how long its starts take. */
function remember(memory: Memory, view: View, { kind }: Progress, now: number): Memory {
  const { workload, pods } = view
  if (!workload) return memory
  const { uid } = workload.metadata
  const ends = workload.kind === 'Job' || isCustom(workload)
  const begun = new Map(memory.begun)
  let { startMs } = memory
  for (const pod of pods) {
    const { uid: podUid } = pod.metadata
    const since = begun.get(podUid)
    if (isReady(pod)) {
      if (typeof since === 'number') startMs = Math.max(startMs ?? 0, now - since)
      begun.set(podUid, 'over')
    } else if (since === undefined && pod.status?.containerStatuses?.some(({ state }) => state?.running))
      begun.set(podUid, now)
  }
  return {
    ...memory,
    begun,
    ...(uid === undefined ? {} : { uid }),
    ...(startMs === undefined ? {} : { startMs }),
    done: ends && kind === 'done',
  }
}

interface Book {
  memory: Memory
  /** When something was noted first. */
  sinceOf: (key: string) => number
  /** True when a symptom has lasted too long. */
  isOver(symptom: Symptom, extraMs: number): boolean
  close(verdict: Verdict, usualMs?: number): Judgement
}

/** Notes since when what is seen has been seen, and when the first of it will have lasted too long. */
function openBook(memory: Memory, now: number): Book {
  const since = new Map<string, number>()
  let lookAgainMs = Infinity
  const sinceOf = (key: string): number => {
    const first = memory.since.get(key) ?? now
    since.set(key, first)
    return first
  }
  return {
    memory,
    sinceOf,
    isOver(symptom, extraMs) {
      const left = sinceOf(keyOf(symptom)) + symptom.graceMs + extraMs - now
      if (left > 0) lookAgainMs = Math.min(lookAgainMs, Math.max(left, leastPauseMs))
      return left <= 0
    },
    close(verdict, usualMs = memory.usualMs) {
      const last =
        verdict.kind === 'progressing'
          ? { ...verdict, lookAgainMs: Math.min(verdict.lookAgainMs, lookAgainMs) }
          : verdict
      return { verdict: last, memory: { ...memory, since, usualMs } }
    },
  }
}

/**
 * An object that was applied and is not there. Jobs and custom resources may end by being removed, by themselves, their
 * controller or a clean-up tool: what was seen of their end counts, then what the cluster reported of it.
 */
function judgeAbsent(view: View, memory: Memory, book: Book): Judgement {
  const { manifest } = view
  const name = nameOf(manifest)
  const isJob = hasPods(manifest) && manifest.kind === 'Job'
  if (memory.done) return book.close({ kind: 'ready', note: 'it was done, and has been removed since' })
  const reported = isJob ? reportedEnd(view, memory) : undefined
  if (reported?.kind === 'completed')
    return book.close({ kind: 'ready', note: 'it completed, and has been removed since' })
  if (reported) {
    const symptom = ofWorkload('job-failed', `${name} failed, and was removed: ${reported.message}`)
    return book.close({ kind: 'doomed', symptom })
  }
  const gone = ofWorkload('gone', `${name} is not there any more: it was deleted during the rollout.`)
  if (!book.isOver({ ...gone, graceMs: absentMs }, 0)) return book.close(going('it is not there'))
  const message = `${name} is not there any more, and what became of it is unknown`
  if (isMigration(manifest) || !(isJob || isCustom(manifest))) {
    const symptom = isJob ? ofWorkload('job-unknown', `${message}: it was not seen to complete.`) : gone
    return book.close({ kind: 'doomed', symptom })
  }
  const ttl = manifest.spec?.['ttlSecondsAfterFinished']
  if (typeof ttl === 'number')
    return book.close({
      kind: 'unknown',
      message: `${message}: it removes itself ${ttl} s after its end (ttlSecondsAfterFinished), and was not seen to end.`,
    })
  if (isCustom(manifest)) return book.close({ kind: 'unknown', message: `${message}.` })
  const symptom = ofWorkload('job-unknown', `${message}: it was not seen to complete.`)
  return book.close({ kind: 'doomed', symptom })
}

/** How a Job that is gone ended, by its controller's events, which outlive it. */
function reportedEnd(
  { eventsOf, eventsNamed, manifest }: View,
  { uid }: Memory,
): { kind: 'completed' } | { kind: 'failed'; message: string } | undefined {
  const events = uid === undefined ? eventsNamed('Job', manifest.metadata.name) : eventsOf(uid)
  const end = events.findLast(({ reason = '' }) => jobEnds.test(reason))
  if (!end) return undefined
  if (end.reason === 'Completed') return { kind: 'completed' }
  return { kind: 'failed', message: end.message ?? end.reason ?? '' }
}

/** Reasons of the events by which the Job controller reports a final state (pkg/controller/job, Kubernetes 1.35). */
const jobEnds =
  /^(Completed|BackoffLimitExceeded|DeadlineExceeded|PodFailurePolicy|FailedIndexes|MaxFailedIndexesExceeded)$/

function going(state: string, lookAgainMs = Infinity, trouble = ''): Verdict {
  return { kind: 'progressing', state, trouble, lookAgainMs }
}

function keyOf(symptom: Symptom): string {
  return `${symptom.class}/${symptom.pod}/${symptom.container}/${symptom.stage ?? ''}`
}

/** Its containers have ended and are not started again. */
function isOver({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

/**
 * What this revision's own starts took, and those before it: as they were recorded, else by the older pods. When an older
 * pod became ready may have been long after its start, since readiness comes and goes.
 */
function usualStartOf({ pods, older }: View, { usualMs, recordedMs, startMs }: Memory): number | undefined {
  const shown = recordedMs === undefined ? [...pods, ...older] : []
  const times = [usualMs, recordedMs, startMs, ...shown.map(startTimeOf)].filter(time => time !== undefined)
  return times.length > 0 ? Math.max(...times) : undefined
}

function earliest(symptoms: Symptom[], sinceOf: (key: string) => number): Symptom | undefined {
  return symptoms.toSorted((a, b) => sinceOf(keyOf(a)) - sinceOf(keyOf(b)))[0]
}

/** The controller itself has given up. */
function late(workload: Workload): Symptom | undefined {
  if (conditionOf(workload, 'Progressing')?.reason !== 'ProgressDeadlineExceeded') return undefined
  const text = `${nameOf(workload)} made no progress in its progressDeadlineSeconds.`
  return { ...ofWorkload('deadline-exceeded', text), graceMs: staleConditionMs }
}

/** A Job that failed: the pod whose log tells why. */
function lastFailed(workload: Workload, pods: Pod[]): Partial<Symptom> {
  if (workload.kind !== 'Job') return {}
  const pod = pods.findLast(({ status }) => status?.phase === 'Failed') ?? pods.at(-1)
  return pod ? { pod: pod.metadata.name } : {}
}

/**
 * A StatefulSet updates one pod after the other, and waits for one of an earlier revision that is not ready: for ever, if
 * that one cannot become it.
 */
function blockedBy(workload: Workload, { older }: View): Symptom | undefined {
  if (workload.kind !== 'StatefulSet') return undefined
  const pod = older.find(each => !isEnding(each) && !isReady(each))
  if (!pod) return undefined
  const { name } = pod.metadata
  return {
    class: 'blocked',
    pod: name,
    container: '',
    message: `${nameOf(workload)} waits for pod ${name} of an earlier revision, which is not ready. If it stays so, delete it: kubectl delete pod ${name}`,
    graceMs: aloneMs,
  }
}

function ofWorkload(kind: string, message: string): Symptom {
  return { class: kind, pod: '', container: '', message, graceMs: 0 }
}

function tellHowMany(symptom: Symptom, over: Symptom[], pods: Pod[]): Symptom {
  const alike = over.filter(each => each.class === symptom.class).length
  if (!symptom.pod || alike < 2) return symptom
  return {
    ...symptom,
    message: `${symptom.message} The same holds for ${alike - 1} more of ${pods.length} new pods.`,
  }
}
