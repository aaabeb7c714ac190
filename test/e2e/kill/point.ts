import { setTimeout as sleep } from 'node:timers/promises'
import { openDoor, type Meddler, type Passing } from '../../lab/cutting-proxy.ts'
import { runBundle, type BundleEnd } from './bundle.ts'
import type { Bed } from './bed.ts'
import { lineOf, strike, type Fault, type Struck } from './fault.ts'
import type { Scenario } from './scenario.ts'
import { answerOf, settledDifferences } from './stage.ts'
import { watchTraffic } from './traffic.ts'

/** What became of one point. */
export interface Tried {
  /** False when the step ended before the fault could strike: there is no such point. */
  reached: boolean
  /** How many points of the fault's kind the step came to. */
  points: number
  /** Where it struck. */
  line: string
  /**
   * Milliseconds from the death until the release that is live in the end, a good one, receives the traffic alone; 0 when
   * it did so all the time. Undefined when there is no such point, or the promise was broken.
   */
  liveMs: number | undefined
  /** In what the promise was broken; empty when it was held. */
  broken: string[]
}

/** A process whose network is gone, or that was woken too late, has to end within this, milliseconds. */
const endsWithinMs = 90_000

/**
 * Lets a step die in one way at one write, settles what it left as another job would, and holds the environment against
 * the promise from the outside. Then settles once more: that must change nothing.
 */
export async function tryPoint(bed: Bed, scenario: Scenario, fault: Fault): Promise<Tried> {
  bed.nextRun()
  const before = await bed.serving()
  const call = await scenario.arrange(bed)
  const traffic = watchTraffic(() => bed.stage.ask())
  const struck = await strike(bed.stage, call, fault).catch((error: unknown) => {
    traffic.abandon()
    throw error
  })
  let liveMs: number | undefined
  const trial: Trial = {
    ...{ bed, scenario, fault, struck, old: before.entry.version, settles: [] },
    async settled() {
      liveMs = await traffic.end(answerOf((await bed.serving()).look), struck.diedAt)
    },
  }
  try {
    const broken = await settleAndLook(trial)
    return {
      reached: struck.place !== undefined,
      points: struck.points,
      line: struck.place ?? '',
      liveMs: struck.place === undefined || broken.length > 0 ? undefined : liveMs,
      broken: broken.length > 0 ? [...broken, ...trial.settles.map(({ log }) => `--- settle:\n${log}`)] : [],
    }
  } finally {
    traffic.abandon()
    await struck.door.close()
  }
}

interface Trial {
  bed: Bed
  scenario: Scenario
  fault: Fault
  struck: Struck
  /** Version that was good before. */
  old: string
  /** How the settles ended so far. */
  settles: BundleEnd[]
  /** The first settle has ended. */
  settled(): Promise<void>
}

async function settleAndLook(trial: Trial): Promise<string[]> {
  const { bed, fault, struck } = trial
  const within = fault.kind === 'late-within' ? deliverWithin(struck, fault.at) : undefined
  const settled = await settle(trial, within?.meddler)
  await within?.deliver()
  const first = [...endOf('settle', settled), ...(await breaches(trial))]
  if (first.length === 0) await trial.settled()
  // A creation that comes while the settle is at work may come behind its back: the next settle removes what it made.
  const isStray = fault.kind === 'late-within' && struck.at?.status === 201
  if (first.length > 0 && !isStray) return first

  const isUntouched = settled.outputs['reason-code'] === 'nothing-to-settle'
  const afterwards = await survive(trial, isUntouched)
  if (afterwards) {
    // A creation that was under way cannot be fenced off: the next settle removes what it made (docs/decisions/0002).
    const tidied = await settle(trial)
    const second = [...afterwards, ...endOf('settle after it', tidied), ...(await breaches(trial))]
    if (second.length > 0) return second
  }
  const print = await bed.stage.fingerprint()
  const again = await settle(trial)
  const reason = again.outputs['reason-code'] ?? 'no reason'
  return [
    ...endOf('last settle', again),
    ...(reason === 'nothing-to-settle' ? [] : [`the last settle found something: ${reason}`]),
    ...((await bed.stage.fingerprint()) === print ? [] : ['the last settle changed something']),
    ...(await breaches(trial)),
  ]
}

/** A settle by another job of the run. */
async function settle({ bed, settles }: Trial, meddler: Meddler = {}): Promise<BundleEnd> {
  const { stage } = bed
  bed.nextJob()
  const door = await openDoor(stage.upstream, meddler)
  const through = stage.through(door)
  const call = bed.call('rollback', { settle: 'true', ...through.inputs })
  const end = await runBundle({ ...call, env: through.env })
  await door.close()
  settles.push(end)
  return end
}

function endOf(what: string, { code, outputs }: BundleEnd): string[] {
  return code === 0 ? [] : [`${what} ended with ${String(code)}: ${outputs['reason-code'] ?? 'no reason'}`]
}

/** The promise, seen from the outside: one of two releases serves, whole and alone, and nothing is left to do. */
async function breaches({ bed, scenario: { newMayServe }, old }: Trial): Promise<string[]> {
  const { ledger, lease } = await bed.read()
  const open = ledger.entries.filter(({ state }) => ['intended', 'applied', 'ready'].includes(state))
  const { entry, look } = await bed.serving()
  return [
    ...(lease ? [`the lease is held by ${lease.holder.title}`] : []),
    ...open.map(({ id }) => `${id} is unsettled`),
    ...(ledger.restoring ? ['a restore is unfinished'] : []),
    ...(entry.version === old || (newMayServe && !look.ill)
      ? []
      : [`${entry.version} serves, which is not good`]),
    ...(await settledDifferences(() => bed.stage.compare(look, entry.id))),
  ]
}

/** The write that was kept back arrives after some write of the settle, sooner or later for different points. */
function deliverWithin(struck: Struck, at: number): { meddler: Meddler; deliver(): Promise<void> } {
  let delivered: Promise<void> | undefined
  const deliver = () => (delivered ??= struck.deliver())
  const after = [2, 3, 5, 7][at % 4]
  return {
    deliver,
    meddler: {
      async carriedOut({ write }) {
        if (write === after) await deliver()
      },
    },
  }
}

/**
 * What comes of a step, or a write, that outlived its fault.
 * @param isUntouched the step had not begun to change anything, and may begin now
 * @returns undefined when there is nothing of that kind; else what it did that it must not do
 */
async function survive({ bed, fault, struck }: Trial, isUntouched: boolean): Promise<string[] | undefined> {
  if (!struck.at) return undefined
  if (fault.kind === 'late-within') return []
  if (fault.kind === 'late-after') {
    await struck.deliver()
    return []
  }
  const isFrozen = fault.kind.startsWith('freeze')
  if (!isFrozen && !fault.kind.startsWith('cut')) return undefined
  const done = struck.door.writes.length
  const print = await bed.stage.fingerprint()
  if (isFrozen) struck.wake()
  const end = await within(endsWithinMs, struck.ended)
  if (!end) return [`the step did not end within ${endsWithinMs / 1_000} s`]
  if (!isFrozen) return end.code === 0 ? endedWell(fault, struck) : []
  if (isUntouched) return []
  const isSame = (await bed.stage.fingerprint()) === print
  if (isSame && (end.code === 0 || reasonOf(end) === 'lease-lost')) return []
  return woken(end, [
    ...(fault.kind === 'freeze-before' ? [struck.at] : []),
    ...struck.door.writes.slice(done),
  ])
}

/** A process that wakes when another run has the environment changes nothing that is there, and says why it ends. */
function woken(end: BundleEnd, writes: Passing[]): string[] {
  const reason = reasonOf(end)
  // Nothing was left to do but to hear the last answer; or it took the free lease, and found its work settled.
  const wasOver = end.code === 0 && writes.every(each => each.status >= 400 || isOfLease(each))
  const made = writes.filter(({ status }) => status === 201).map(idOf)
  return [
    ...writes
      .filter(each => each.status < 300 && each.status !== 201 && !isOfLease(each) && !isNote(each))
      // What it has just created itself serves nothing.
      .filter(({ url }) => !made.some(id => id !== '' && url.includes(`/containers/${id.slice(0, 12)}`)))
      .map(each => `the woken step changed something: ${lineOf(each)}`),
    ...(reason === 'lease-lost' || wasOver ? [] : [`the woken step ended with ${reason}:\n${end.log}`]),
  ]
}

/** Of a post step only the log says it. */
function reasonOf({ outputs, log }: BundleEnd): string {
  return outputs['reason-code'] ?? /^\S+ main: \w+ \(([\w-]+)\)/m.exec(log)?.[1] ?? 'no reason'
}

/** Of a container that was created; empty for everything else. */
function idOf({ answer }: Passing): string {
  return /^\{"Id":"([0-9a-f]{64})"/.exec(answer.toString('utf8'))?.[1] ?? ''
}

function isOfLease({ method, url, body }: Passing): boolean {
  return url.includes('/leases/') || (method === 'PUT' && body.includes('.runbook/state/'))
}

/** On the record of a release, which is not the service. */
function isNote({ method, url }: Passing): boolean {
  return method === 'PATCH' && url.includes('/secrets/runbook-')
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const over = new AbortController()
  const late = sleep(ms, undefined, { signal: over.signal }).catch(() => undefined)
  const first = await Promise.race([work, late])
  over.abort()
  return first
}

/** Only a step that had nothing left to ask may end well without a network. */
function endedWell(fault: Fault, { at, door }: Struck): string[] {
  const wasLast = fault.kind === 'cut-answered' && at?.write === door.writes.length
  return wasLast ? [] : ['the step ended well without a network']
}
