import { InputError, LeaseLostError } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import { handOverMs, heartbeatMs, workingDeadlineMs, type Holder, type Lease } from '../release/lease.ts'
import { noteVerdict, unsettled, type Entry } from '../release/ledger.ts'
import type { Target, Tenure } from '../targets/target.ts'
import { parseDuration, showDuration } from '../runbook/values.ts'
import { defaultTimeout } from './inputs.ts'
import type { Ports, TargetPorts } from './ports.ts'

/** The lease in this step's hands: renewed by itself until it is handed over, given back or lost. */
export interface Held {
  target: Target
  tenure: Tenure
  /** Keeps the lease for the next step of this run. */
  handOver(): Promise<void>
  giveBack(): Promise<void>
  /** Stops renewing and leaves the lease to its deadline: for a step that was cancelled. */
  abandon(): void
}

export function holderOf({ run }: Ports): Holder {
  return { run: run.id, attempt: run.attempt, title: run.title, url: run.url }
}

/**
 * Waits for the lease, at most `waitMs`.
 * @returns what is held, or who has it still
 */
export async function acquire(ports: TargetPorts, waitMs: number): Promise<Held | { held: Lease }> {
  const { clock, log, signal } = ports
  const target = await ports.openTarget()
  const giveUp = clock.elapsed() + waitMs
  for (let told = ''; ;) {
    const taken = await target.take(holderOf(ports), workingDeadlineMs)
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
  const beating = heartbeat(ports, tenure, stop.signal)
  const rest = async () => {
    stop.abort()
    await beating
  }
  return {
    target,
    tenure,
    async handOver() {
      await rest()
      await tenure.renew(parseDuration('timeout', defaultTimeout) + handOverMs)
    },
    async giveBack() {
      await rest()
      await tenure.end()
    },
    abandon: () => stop.abort(),
  }
}

async function heartbeat({ clock, log }: Ports, tenure: Tenure, stop: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(heartbeatMs, stop)
      await tenure.renew(workingDeadlineMs)
    } catch (error) {
      if (stop.aborted) return
      if (error instanceof LeaseLostError) {
        log.warn(error.message)
        return
      }
      log.debug(`The lease could not be renewed: ${String(error)}`)
    }
  }
}

/**
 * Writes a verdict onto the release that this run left unsettled. Nothing is written when there is none: a gate may
 * also watch an environment that nobody deploys to.
 * @returns evidence when there was something to write and it could not be written
 */
export async function noteVerdictOfRun(
  ports: TargetPorts,
  verdict: Pick<Entry, 'gate' | 'smoke'>,
): Promise<Evidence[]> {
  try {
    const target = await ports.openTarget()
    const { ledger, lease } = await target.read()
    if (!unsettled(ledger) || lease?.holder.run !== ports.run.id) return []
    const held = await acquire(ports, 0)
    if ('held' in held) return [unwritten(describeHolder(held.held, ports.clock.now()))]
    try {
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
    if (ports.signal.aborted || error instanceof InputError) throw error
    return [unwritten(String(error))]
  }
}

function unwritten(why: string): Evidence {
  return { subject: 'ledger', finding: `the verdict could not be written down: ${why}`, tone: 'warn' }
}
