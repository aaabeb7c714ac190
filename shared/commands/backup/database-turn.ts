import { isExpected, messageOf, OnHoldError } from '../../outcome/errors.ts'
import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import type { Lease } from '../../release/lease.ts'
import { act, unsettled } from '../../release/ledger.ts'
import { onHold } from '../../targets/on-hold.ts'
import { identify } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import { acquire, describeHolder, type Held } from '../step/held-lock.ts'

/** The right to replace the live database. Undefined where the ledger cannot be asked for it: its cluster is gone, say. */
export type Turn = Held | undefined

/**
 * Finds out, before anything is restored, whether the live database may be replaced now.
 * @returns how the step ends when another run works on the environment
 * @throws OnHoldError when an operator keeps everything away
 */
export async function refuseBusy(ports: TargetPorts): Promise<Conclusion | undefined> {
  const asked = await orUnasked(ports, async () => (await ports.openTarget()).read())
  if (!asked) return undefined
  const { ledger, lease } = asked
  if (ledger.hold) throw onHold(ledger.environment, ledger.hold)
  if (ledger.restoring?.database) {
    return {
      status: 'failure',
      reason: 'restore-failed',
      summary: `A rollback with its database is unfinished in ${ledger.environment}; nothing was changed.`,
      next: `Finish it first: runbook settle ${ledger.environment}`,
    }
  }
  const isOthers = lease !== null && lease.holder.run !== ports.run.id
  return isOthers && lease.deadline > ports.clock.now() ? busy(lease, ports) : undefined
}

/**
 * Takes the lease for the moment of the swap: no run deploys or rolls back meanwhile.
 * @returns who has it, when it did not become free in time
 * @throws OnHoldError when an operator keeps everything away
 */
export async function takeTurn(ports: TargetPorts, waitMs: number): Promise<Turn | { held: Lease }> {
  return orUnasked(ports, () => acquire(ports, 'work', waitMs))
}

/** Writes down what was done, and leaves the lease to the next step. */
export async function endTurn(turn: Turn, because: string, ports: TargetPorts): Promise<Evidence[]> {
  if (!turn) return []
  const { run, clock } = ports
  const at = new Date(clock.now()).toISOString()
  try {
    const who = { by: run.title, ...(await identify(ports)) }
    await turn.lock.update(ledger => act(ledger, { kind: 'restore-db', ...who, because, at }))
    await leave(turn, ports)
    return []
  } catch (error) {
    if (!isExpected(error)) throw error
    const finding = `the restore could not be written down: ${messageOf(error)}`
    return [{ subject: 'ledger', finding, tone: 'warn' }]
  } finally {
    turn.abandon()
  }
}

/** Gives up a turn in which nothing was done. */
export async function dropTurn(turn: Turn, ports: TargetPorts): Promise<void> {
  if (!turn) return
  await leave(turn, ports).catch(() => undefined)
  turn.abandon()
}

export function busy(lease: Lease, { clock }: TargetPorts): Conclusion {
  return {
    status: 'failure',
    reason: 'lease-held',
    summary: `The environment is held by ${describeHolder(lease, clock.now())}; the live database was not touched.`,
    next: 'Run this again when it has ended.',
  }
}

/** A job that deploys has the lease through all of its steps. */
async function leave(turn: Held, { run }: TargetPorts): Promise<void> {
  await (unsettled(turn.lock.ledger)?.run === run.id ? turn.handOver() : turn.giveBack())
}

/** A database has to be restored also where what ran on it is gone. */
async function orUnasked<T>({ signal, log }: TargetPorts, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (signal.aborted || !isExpected(error) || error instanceof OnHoldError) throw error
    log.warn(`The ledger cannot be asked, so a hold or a running deploy is not seen: ${messageOf(error)}`)
    return undefined
  }
}
