import type { Evidence } from '../../../outcome/outcome.ts'
import { showDuration } from '../../../config/values.ts'
import type { Cause, FollowOptions, Rollout } from '../../target.ts'
import { gatherEvidence } from '../inspect/evidence.ts'
import { blank, judge, type Memory, type Verdict, type View } from './judge.ts'
import { keyOf, type KubeObject } from '../manifests/objects.ts'
import { parseWorkload } from '../inspect/live.ts'
import { isBelied, type Answers } from './second-opinion.ts'
import type { Symptom } from './symptom.ts'
import { createTeller } from '../state/tell.ts'
import type { Place } from '../state/place.ts'
import { watchRelease, type Watched } from './watch-release.ts'
import { hasPods, isCustom, nameOf } from './workload.ts'

/** The longest that nothing is looked at again, milliseconds. */
const longestPauseMs = 5_000
/** Changes come in bursts: those of this time are judged together. */
const burstMs = 50
/**
 * Follows the objects of a release until all are ready, one is doomed, or the time is over. Of one that is brought back
 * only what serves counts: its Jobs have run, and a custom resource that is not well now has another cause.
 */
export async function followRollout(
  place: Place,
  objects: KubeObject[],
  options: FollowOptions,
): Promise<Rollout> {
  const followed = objects.filter(object =>
    options.release === 'new'
      ? hasPods(object) || isCustom(object)
      : hasPods(object) && object.kind !== 'Job',
  )
  if (followed.length === 0) return { kind: 'ready' }
  const stop = new AbortController()
  try {
    return await follow(place, followed, options, AbortSignal.any([stop.signal, options.signal]))
  } finally {
    stop.abort()
  }
}

/** One object, and what was thought of it when it was looked at last. */
interface Case {
  manifest: KubeObject
  memory: Memory
  verdict: Verdict
  /** When time alone may change the verdict, on the monotonic clock. */
  dueAt: number
}

async function follow(
  place: Place,
  followed: KubeObject[],
  options: FollowOptions,
  signal: AbortSignal,
): Promise<Rollout> {
  const { clock } = place.adapters
  const giveUp = clock.elapsed() + options.timeoutMs
  const bell = createBell()
  const watched = await inTime(place, giveUp, signal, watchRelease(place, followed, signal, bell.ring))
  if (!watched) return { kind: 'deadline', cause: silent(place, options) }
  const answers: Answers = { images: new Map(), arrived: new Set() }
  const cases = openCases(place, followed, watched, options)
  const teller = createTeller(cases.size, line => options.onProgress(line))
  for (let last = -Infinity; ;) {
    await clock.sleep(Math.max(0, last + burstMs - clock.elapsed()), signal)
    const rung = bell.next()
    const now = clock.elapsed()
    last = now
    for (const each of takeDue(cases, watched, now)) {
      const view = viewOf(each.manifest, watched, answers, options)
      Object.assign(each, judgedNow(judge(view, each.memory, now), now))
      teller.tell(each.manifest, each.verdict)
      if (each.verdict.kind !== 'doomed') continue
      const { symptom } = each.verdict
      if (await isBelied(place, symptom, answers)) each.dueAt = 0
      else return { kind: 'doomed', cause: await causeOf(place, view, symptom) }
    }
    const open = [...cases.values()].filter(({ verdict }) => verdict.kind === 'progressing')
    teller.count(cases.size - open.length, now)
    if (open.length === 0) return { kind: 'ready', notes: unknownEnds(cases), ...startOf(place, cases) }
    const left = giveUp - clock.elapsed()
    if (left <= 0) return { kind: 'deadline', cause: await overdue(place, open, watched, answers, options) }
    const next = open.reduce((soonest, { dueAt }) => Math.min(soonest, dueAt), now + longestPauseMs)
    await pause(
      place,
      Promise.race([rung, watched.broken]),
      Math.min(left, Math.max(0, next - clock.elapsed())),
      signal,
    )
  }
}

function openCases(
  place: Place,
  followed: KubeObject[],
  { unseen }: Watched,
  { usualStartMs }: FollowOptions,
): Map<string, Case> {
  const seen = followed.filter(object => !unseen.includes(object))
  const verdict: Verdict = { kind: 'progressing', state: '', trouble: '', lookAgainMs: 0 }
  const known = usualStartMs === undefined ? blank : { ...blank, recordedMs: usualStartMs }
  return new Map(
    seen.map(manifest => {
      const memory = serves(place, manifest) ? known : blank
      return [keyOf(manifest), { manifest, memory, verdict, dueAt: 0 }]
    }),
  )
}

/** Whether it is the workload that the runbook names. */
function serves({ workload }: Place, { kind, metadata }: KubeObject): boolean {
  const named = parseWorkload(workload)
  return kind === named.kind && metadata.name === named.name
}

/** How long the start of the workload that serves took, where it was seen. */
function startOf(place: Place, cases: Map<string, Case>): { startMs?: number } {
  const { startMs } = [...cases.values()].find(({ manifest }) => serves(place, manifest))?.memory ?? {}
  return startMs === undefined ? {} : { startMs: Math.round(startMs) }
}

/** The cases that something changed about, or whose time has come. */
function takeDue(cases: Map<string, Case>, { index }: Watched, now: number): Case[] {
  const changed = index.takeChanged()
  return [...cases].filter(([key, { dueAt }]) => dueAt <= now || changed.has(key)).map(([, each]) => each)
}

/** What is reported of objects that are gone without having been seen to end. */
function unknownEnds(cases: Map<string, Case>): Evidence[] {
  return [...cases.values()].flatMap(({ manifest, verdict }): Evidence[] =>
    verdict.kind === 'unknown' ? [{ subject: nameOf(manifest), finding: verdict.message, tone: 'warn' }] : [],
  )
}

function judgedNow({ verdict, memory }: ReturnType<typeof judge>, now: number): Partial<Case> {
  const dueAt = verdict.kind === 'progressing' ? now + verdict.lookAgainMs : Infinity
  return { verdict, memory, dueAt }
}

function viewOf(
  manifest: KubeObject,
  { index, growth }: Watched,
  answers: Answers,
  { release }: FollowOptions,
): View {
  return { ...index.of(manifest), manifest, growth, ...answers, release }
}

interface Bell {
  ring: () => void
  /** Fulfilled when it rings the next time after now. */
  next(): Promise<void>
}

function createBell(): Bell {
  let wake: () => void = () => undefined
  return {
    ring: () => wake(),
    next: () =>
      new Promise(resolve => {
        wake = resolve
      }),
  }
}

async function pause(
  { adapters }: Place,
  change: Promise<void>,
  ms: number,
  signal: AbortSignal,
): Promise<void> {
  const timer = new AbortController()
  const stop = AbortSignal.any([timer.signal, signal])
  try {
    await Promise.race([
      change,
      adapters.clock.sleep(ms, stop).catch((error: unknown) => {
        if (!timer.signal.aborted) throw error
      }),
    ])
  } finally {
    timer.abort()
  }
}

async function inTime<T>(
  { adapters }: Place,
  giveUp: number,
  signal: AbortSignal,
  work: Promise<T>,
): Promise<T | undefined> {
  const timer = new AbortController()
  work.catch(() => undefined)
  try {
    const late = adapters.clock.sleep(
      giveUp - adapters.clock.elapsed(),
      AbortSignal.any([timer.signal, signal]),
    )
    late.catch(() => undefined)
    return await Promise.race([work, late.then(() => undefined)])
  } finally {
    timer.abort()
  }
}

function silent({ client }: Place, { timeoutMs }: FollowOptions): Cause {
  const message = `For ${showDuration(timeoutMs)} ${client.server} did not say how the rollout goes.`
  return {
    class: 'api-silent',
    message,
    evidence: [{ subject: client.server, finding: 'did not answer, or only with errors', tone: 'bad' }],
  }
}

async function causeOf(place: Place, view: View, symptom: Symptom): Promise<Cause> {
  return {
    class: symptom.class,
    message: place.adapters.secrets.redactPiece(symptom.message),
    evidence: await gatherEvidence(place, view, symptom),
  }
}

async function overdue(
  place: Place,
  open: Case[],
  watched: Watched,
  answers: Answers,
  options: FollowOptions,
): Promise<Cause> {
  const troubled = open.find(({ verdict }) => verdict.kind === 'progressing' && verdict.trouble)
  const [first] = troubled ? [troubled] : open
  if (!first) throw new Error('nothing is open')
  const { manifest, verdict } = first
  const { state, trouble } = verdict.kind === 'progressing' ? verdict : { state: '', trouble: '' }
  const more = open.length > 1 ? ` (and ${open.length - 1} more)` : ''
  const view = viewOf(manifest, watched, answers, options)
  return causeOf(place, view, {
    class: 'deadline',
    pod:
      (view.pods.find(({ metadata }) => trouble.includes(metadata.name)) ?? view.pods[0])?.metadata.name ??
      '',
    container: '',
    message: `After ${showDuration(options.timeoutMs)} ${nameOf(manifest)}${more} is not ready: ${trouble || state}`,
    graceMs: 0,
  })
}
