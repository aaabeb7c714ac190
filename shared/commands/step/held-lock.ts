import { InputError, LeaseLostError, OnHoldError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { onHold } from '../../targets/on-hold.ts'
import { describeProcess, knownProcess } from '../../release/holder-process.ts'
import {
  betweenStepsMs,
  heartbeatMs,
  workingDeadlineMs,
  type Holder,
  type Lease,
  type Purpose,
} from '../../release/lease.ts'
import { noteVerdict, unsettled, type Entry, type Ledger } from '../../release/ledger.ts'
import type { Target, EnvironmentLock } from '../../targets/target.ts'
import { showDuration } from '../../config/values.ts'
import type { KeptLease, RenewedLease } from './kept-lease.ts'
import type { Ports, TargetPorts } from './ports.ts'

/** The lease in this step's hands: renewed by itself until it is handed over, given back or lost. */
export interface Held {
  target: Target
  lock: EnvironmentLock
  /** Aborted when the step is, and when the lease is lost: then with the error that says to whom. */
  signal: AbortSignal
  /**
   * Keeps the lease for the next step of this run. Where that is another process, nothing renews it meanwhile, and it is
   * left for so long, milliseconds; in one process it goes on being renewed.
   */
  handOver(forMs?: number): Promise<void>
  /** The same after an error, when a write may still be under way: the next step takes the lease anew. */
  leave(forMs?: number): Promise<void>
  giveBack(): Promise<void>
  /** Stops renewing what was not handed over, and leaves the lease to its deadline: for a step that was cancelled. */
  abandon(): void
}

export function holderOf({ run }: Ports): Holder {
  const { id, attempt, job, title, url, process } = run
  return {
    ...{ run: id, attempt, job, title, url },
    ...(process ? { process: { format: 1, ...process } } : {}),
  }
}

/**
 * Waits for the lease, at most `waitMs`.
 * @returns what is held, or who has it still
 * @throws OnHoldError when an operator keeps everything away
 */
export async function acquire(
  ports: TargetPorts,
  purpose: Purpose,
  waitMs: number,
): Promise<Held | { held: Lease }> {
  const { clock, log, signal } = ports
  const kept = ports.kept?.current()
  if (kept) return join(ports, kept)
  const target = await ports.openTarget()
  const giveUp = clock.elapsed() + waitMs
  for (let told = ''; ;) {
    const taken = await target.take(holderOf(ports), purpose, workingDeadlineMs)
    if ('hold' in taken) throw onHold((await target.read()).ledger.environment, taken.hold)
    if (!('held' in taken)) return join(ports, renew(ports, target, taken))
    if (clock.elapsed() >= giveUp) return taken
    if (taken.held.holder.run !== told) {
      log.info(`Waiting for ${describeHolder(taken.held, clock.now())}.`)
      told = taken.held.holder.run
    }
    await clock.sleep(Math.min(2_000, Math.max(100, giveUp - clock.elapsed())), signal)
  }
}

/** `run 4711 of org/api (https://...), until 12:30:05 UTC at the latest` */
export function describeHolder(lease: Lease, now: number): string {
  const { title, url, process } = lease.holder
  const left = lease.deadline - now
  const known = knownProcess(process)
  const until = lease.ended
    ? `whose process has ended${known ? ` (${describeProcess(known)})` : ''}`
    : left > 0
      ? `at the latest in ${showDuration(left)}, at ${new Date(lease.deadline).toISOString().slice(11, 19)} UTC`
      : 'overdue'
  return `${title}${url ? ` (${url})` : ''}, ${until}`
}

/** Renews a lease in the background. */
function renew(ports: Ports, target: Target, lock: EnvironmentLock): RenewedLease {
  const stop = new AbortController()
  const lost = new AbortController()
  const beating = heartbeat(ports, lock, stop.signal).then(error => {
    if (error) lost.abort(error)
  })
  return {
    target,
    lock,
    lost: lost.signal,
    stop() {
      stop.abort()
      return beating
    },
  }
}

/** A renewed lease in the hands of a step. */
function join({ signal, kept }: TargetPorts, renewed: RenewedLease): Held {
  const { target, lock, lost } = renewed
  let leftToNext = false
  const rest = async () => {
    kept?.drop()
    await renewed.stop()
  }
  return {
    target,
    lock,
    signal: AbortSignal.any([signal, lost]),
    async handOver(forMs = betweenStepsMs) {
      leftToNext = kept !== undefined
      if (kept) {
        kept.keep(renewed)
        return
      }
      await rest()
      await lock.handOver(forMs)
    },
    async leave(forMs = betweenStepsMs) {
      await rest()
      await lock.handOver(kept ? workingDeadlineMs : forMs)
    },
    async giveBack() {
      await rest()
      await lock.end()
    },
    abandon() {
      if (leftToNext) return
      kept?.drop()
      void renewed.stop()
    },
  }
}

/**
 * Ports for the steps of a run that are all parts of this process: the lease is renewed from one to the next. What follows
 * under other ports, as a rollback that outlives a cancelled run, takes it anew.
 */
export function inOneProcess(ports: TargetPorts, kept: KeptLease): TargetPorts {
  return { ...ports, kept, under: signal => inOneProcess(ports.under(signal), kept) }
}

/** Hands a kept lease to a step under other ports; where that cannot be done, that step takes it, fenced. */
export async function passOn(kept: KeptLease, { log }: Ports): Promise<void> {
  const renewed = kept.current()
  kept.drop()
  if (!renewed) return
  try {
    await renewed.stop()
    await renewed.lock.handOver(workingDeadlineMs)
  } catch (error) {
    log.debug(`The lease could not be handed over: ${String(error)}`)
  }
}

/** Releases a kept lease that no step has taken over: the run is at its end. Where that fails, the lease runs out by itself. */
export async function endKept(kept: KeptLease, { log }: Ports): Promise<void> {
  const renewed = kept.current()
  kept.drop()
  if (!renewed) return
  try {
    await renewed.stop()
    await renewed.lock.end()
  } catch (error) {
    log.debug(`The lease could not be released: ${String(error)}`)
  }
}

/** Renews the lease until it is told to stop. @returns the error that says to whom the lease was lost, if it was */
async function heartbeat(
  { clock, log }: Ports,
  lock: EnvironmentLock,
  stop: AbortSignal,
): Promise<LeaseLostError | OnHoldError | undefined> {
  for (;;) {
    try {
      await clock.sleep(heartbeatMs, stop)
      await lock.renew(workingDeadlineMs)
    } catch (error) {
      if (stop.aborted) return undefined
      if (error instanceof LeaseLostError || error instanceof OnHoldError) {
        log.warn(error.message)
        return error
      }
      log.debug(`The lease could not be renewed: ${String(error)}`)
    }
  }
}

/** What a step found out about a release. */
type Verdict = Pick<Entry, 'gate' | 'smoke' | 'warmUpMs'>

/** The release that this run left unsettled, for a step that only watches it. */
export interface WatchedRelease {
  /** Undefined where it could not be asked. */
  target: Target | undefined
  open: Entry | undefined
  /** Undefined where it could not be asked. */
  ledger: Ledger | undefined
  /** Aborted when the step is, and when the lease is lost meanwhile: then with the error that says to whom. */
  signal: AbortSignal
  /**
   * Writes a verdict onto the release. Nothing is written when there is none: an environment may also be watched that no
   * run deploys to.
   * @param record writes, under the lease, what else belongs to the verdict; before it, since a verdict stands for it
   * @returns evidence when there was something to write and it could not be written
   */
  note(verdict: Verdict, record: (held: Held) => Promise<void>): Promise<Evidence[]>
  /** Ends the watch: the lease is left to the next step of the job for so long, milliseconds. */
  handOver(forMs: number): Promise<void>
  /** Ends the watch of a step that failed or was cancelled. */
  abandon(): void
}

/**
 * Holds and renews the lease of the release that this run left unsettled while a step watches it, so that it runs out a
 * minute after the death of this process. Where this run has none, and where it cannot be had, the step watches all the
 * same.
 * @throws OnHoldError when an operator keeps everything away: then there is nothing to watch for
 */
export async function watchRelease(ports: TargetPorts): Promise<WatchedRelease> {
  const held = await holdOwn(ports)
  const { target, open, ledger } = await releaseOfRun(ports)
  return {
    target,
    open,
    ledger,
    signal: held?.signal ?? ports.signal,
    async note(verdict, record) {
      if (!held || held.signal.aborted) return noteVerdictOfRun(ports, verdict, record)
      try {
        await record(held)
        await held.lock.update(now => noted(now, verdict))
        return []
      } catch (error) {
        if (ports.signal.aborted || error instanceof InputError || error instanceof OnHoldError) throw error
        return [unwritten(String(error))]
      }
    },
    async handOver(forMs) {
      try {
        await held?.handOver(forMs)
      } catch (error) {
        if (ports.signal.aborted) throw error
        ports.log.debug(`The lease could not be handed over: ${String(error)}`)
      }
    },
    abandon: () => held?.abandon(),
  }
}

/** @throws OnHoldError */
async function holdOwn(ports: TargetPorts): Promise<Held | undefined> {
  try {
    const held = await takeOwn(ports)
    return held && 'held' in held ? undefined : held
  } catch (error) {
    if (ports.signal.aborted || error instanceof OnHoldError) throw error
    ports.log.debug(`The lease could not be held for this step: ${String(error)}`)
    return undefined
  }
}

/**
 * The release that this run left unsettled, and the target that it is on. For a step that only looks: a target that
 * cannot be asked is reported, and left out.
 */
async function releaseOfRun(
  ports: TargetPorts,
): Promise<{ target: Target | undefined; open: Entry | undefined; ledger: Ledger | undefined }> {
  try {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    const open = unsettled(ledger)
    return { target, ledger, open: open?.run === ports.run.id ? open : undefined }
  } catch (error) {
    if (ports.signal.aborted || error instanceof InputError) throw error
    ports.log.debug(`The target cannot be asked: ${String(error)}`)
    return { target: undefined, open: undefined, ledger: undefined }
  }
}

/** Takes the lease again when this run left it to its next step, with a release that is unsettled. */
async function takeOwn(ports: TargetPorts): Promise<Held | { held: Lease } | undefined> {
  if (ports.kept?.current()) return acquire(ports, 'work', 0)
  const target = await ports.openTarget()
  const { ledger, lease } = await target.read()
  const open = unsettled(ledger)
  // A hold ended the lease of the run, which is told so.
  if (ledger.hold && open?.run === ports.run.id) throw onHold(ledger.environment, ledger.hold)
  return open && lease?.holder.run === ports.run.id ? acquire(ports, 'work', 0) : undefined
}

/**
 * Takes the lease for this one write: it could not be had before, or was lost and is free again.
 * @param record see `WatchedRelease.note`
 */
async function noteVerdictOfRun(
  ports: TargetPorts,
  verdict: Verdict,
  record: (held: Held) => Promise<void>,
): Promise<Evidence[]> {
  try {
    const held = await takeOwn(ports)
    if (!held) return []
    if ('held' in held) return [unwritten(describeHolder(held.held, ports.clock.now()))]
    try {
      await record(held)
      await held.lock.update(now => noted(now, verdict))
      await held.handOver()
    } finally {
      held.abandon()
    }
    return []
  } catch (error) {
    if (ports.signal.aborted || error instanceof InputError || error instanceof OnHoldError) throw error
    return [unwritten(String(error))]
  }
}

function noted(ledger: Ledger, verdict: Verdict): Ledger {
  const open = unsettled(ledger)
  return open ? noteVerdict(ledger, open.id, verdict) : ledger
}

function unwritten(why: string): Evidence {
  return { subject: 'ledger', finding: `the verdict could not be written down: ${why}`, tone: 'warn' }
}
