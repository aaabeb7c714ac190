import { InputError, LeaseLostError, OnHoldError } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import { onHold } from '../targets/on-hold.ts'
import {
  handOverMs,
  heartbeatMs,
  nextStepMs,
  workingDeadlineMs,
  type Holder,
  type Lease,
  type Purpose,
} from '../release/lease.ts'
import { noteVerdict, unsettled, type Entry, type Ledger } from '../release/ledger.ts'
import type { Target, Tenure } from '../targets/target.ts'
import { showDuration } from '../runbook/values.ts'
import type { Ports, TargetPorts } from './ports.ts'

/** The lease in this step's hands: renewed by itself until it is handed over, given back or lost. */
export interface Held {
  target: Target
  tenure: Tenure
  /** Aborted when the step is, and when the lease is lost: then with the error that says to whom. */
  signal: AbortSignal
  /** Keeps the lease for the next step of this run, which may take so long. */
  handOver(stepMs?: number): Promise<void>
  giveBack(): Promise<void>
  /** Stops renewing and leaves the lease to its deadline: for a step that was cancelled. */
  abandon(): void
}

export function holderOf({ run }: Ports): Holder {
  return { run: run.id, attempt: run.attempt, job: run.job, title: run.title, url: run.url }
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
  const target = await ports.openTarget()
  const giveUp = clock.elapsed() + waitMs
  for (let told = ''; ;) {
    const taken = await target.take(holderOf(ports), purpose, workingDeadlineMs)
    if ('hold' in taken) throw onHold((await target.read()).ledger.environment, taken.hold)
    if (!('held' in taken)) return hold(ports, target, taken)
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
  const { title, url } = lease.holder
  const left = lease.deadline - now
  const until =
    left > 0
      ? `at the latest in ${showDuration(left)}, at ${new Date(lease.deadline).toISOString().slice(11, 19)} UTC`
      : 'overdue'
  return `${title}${url ? ` (${url})` : ''}, ${until}`
}

function hold(ports: Ports, target: Target, tenure: Tenure): Held {
  const stop = new AbortController()
  const lost = new AbortController()
  const beating = heartbeat(ports, tenure, stop.signal).then(error => {
    if (error) lost.abort(error)
  })
  const rest = async () => {
    stop.abort()
    await beating
  }
  return {
    target,
    tenure,
    signal: AbortSignal.any([ports.signal, lost.signal]),
    async handOver(stepMs = nextStepMs) {
      await rest()
      await tenure.handOver(stepMs + handOverMs)
    },
    async giveBack() {
      await rest()
      await tenure.end()
    },
    abandon: () => stop.abort(),
  }
}

/** Renews the lease until it is told to stop. @returns the error that says to whom the lease was lost, if it was */
async function heartbeat(
  { clock, log }: Ports,
  tenure: Tenure,
  stop: AbortSignal,
): Promise<LeaseLostError | OnHoldError | undefined> {
  for (;;) {
    try {
      await clock.sleep(heartbeatMs, stop)
      await tenure.renew(workingDeadlineMs)
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

/**
 * Keeps the lease for a step that only looks, and may take longer than the step before could know. Where this run has
 * none, and where it cannot be kept, the step looks all the same.
 * @throws OnHoldError when an operator keeps everything away: then there is nothing to look for
 */
export async function keepLease(ports: TargetPorts, stepMs: number): Promise<void> {
  try {
    const held = await takeOwn(ports)
    if (!held || 'held' in held) return
    await held.handOver(stepMs).finally(() => held.abandon())
  } catch (error) {
    if (ports.signal.aborted || error instanceof OnHoldError) throw error
    ports.log.debug(`The lease could not be kept for this step: ${String(error)}`)
  }
}

/**
 * The release that this run left unsettled, and the target that it is on. For a step that only looks: a target that
 * cannot be asked is told of, and left out.
 */
export async function releaseOfRun(
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
  const target = await ports.openTarget()
  const { ledger, lease } = await target.read()
  const open = unsettled(ledger)
  // A hold ended the lease of the run, which is told so.
  if (ledger.hold && open?.run === ports.run.id) throw onHold(ledger.environment, ledger.hold)
  return open && lease?.holder.run === ports.run.id ? acquire(ports, 'work', 0) : undefined
}

/**
 * Writes a verdict onto the release that this run left unsettled. Nothing is written when there is none: a gate may
 * also watch an environment that nobody deploys to.
 * @param record writes, under the lease, what else belongs to the verdict; before it, since a verdict stands for it
 * @returns evidence when there was something to write and it could not be written
 */
export async function noteVerdictOfRun(
  ports: TargetPorts,
  verdict: Pick<Entry, 'gate' | 'smoke' | 'warmUpMs'>,
  record: (held: Held) => Promise<void> = () => Promise.resolve(),
): Promise<Evidence[]> {
  try {
    const held = await takeOwn(ports)
    if (!held) return []
    if ('held' in held) return [unwritten(describeHolder(held.held, ports.clock.now()))]
    try {
      await record(held)
      await held.tenure.update(now => {
        const open = unsettled(now)
        return open ? noteVerdict(now, open.id, verdict) : now
      })
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

function unwritten(why: string): Evidence {
  return { subject: 'ledger', finding: `the verdict could not be written down: ${why}`, tone: 'warn' }
}
