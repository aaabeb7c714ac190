import { knownProcess, type HasEnded, type HolderProcess } from './holder-process.ts'
import type { Hold, Ledger } from './ledger.ts'

/** Who holds, or asks for, the lease. */
export interface Holder {
  /** Same for every step and job of one run; see RunInfo. */
  run: string
  attempt: number
  /** The job of that run, whose steps come one after the other; see RunInfo. */
  job: string
  /** For people: `run 4711 of org/api`. */
  title: string
  url: string
  /** The process that renews the lease; absent between two steps of a job, and where its machine cannot tell. */
  process?: HolderProcess
}

/** The lock that lets one run at a time change an environment. */
export interface Lease {
  holder: Holder
  /** Fencing number: grows by one with every takeover. */
  epoch: number
  /**
   * When another run may take it over, milliseconds since 1970: where it is stored, by the clock of the API server or the
   * Docker engine, so that no two machines compare their clocks; a target's `read` gives it by the clock of its process.
   */
  deadline: number
  /** The step that held it ended in order and has no write under way: the next one of its run needs no fence. */
  handedOver: boolean
  /** Found by the process that read it, and never written: the process that holds it has ended without handing it over. */
  ended?: true
}

/**
 * What the lease is wanted for. `undo` is a rollback or a settle: its job runs when the others of its run have ended.
 * `work` is everything else.
 */
export type Purpose = 'work' | 'undo'

/** What a run that wants the lease may do about it. */
export type Claim =
  /** Take it under a new epoch. Unless it was free, the holder before may have a write under way: fence it off. */
  | { kind: 'take'; epoch: number }
  /** Go on where the step before left off, under the same epoch. */
  | { kind: 'continue'; epoch: number }
  | { kind: 'wait'; held: Lease }
  /** An operator keeps everything automatic away. */
  | { kind: 'hold'; hold: Hold }

/** What a claim is decided on, as it was read in one go. */
export interface Standing {
  lease: Lease | null
  /** The highest epoch that was ever given out, 0 at first. */
  epoch: number
  ledger: Pick<Ledger, 'hold'>
}

/** A process that holds the lease renews it this often, and loses it so long after its death. */
export const heartbeatMs = 10_000
export const workingDeadlineMs = 60_000
/**
 * How long a step leaves the lease to the other steps of its job when the job does not say (input `lock-for`). No process
 * renews it meanwhile: steps of the job's own, like integration tests, may run in between.
 */
export const betweenStepsMs = 900_000
/** The longest that a job may ask for: GitHub ends a job after six hours. */
export const longestBetweenStepsMs = 6 * 3_600_000

/**
 * Decides what a claimant may do.
 * @param now milliseconds since 1970, by the clock that deadlines are compared with
 */
export function claim(standing: Standing, claimant: Holder, purpose: Purpose, now: number): Claim {
  const { lease, epoch, ledger } = standing
  if (ledger.hold) return { kind: 'hold', hold: ledger.hold }
  if (!lease) return { kind: 'take', epoch: epoch + 1 }
  switch (relation(lease.holder, claimant)) {
    case 'same job':
      // The steps of a job come one after the other: one that did not hand over was killed, with a write under way perhaps.
      return lease.handedOver ? { kind: 'continue', epoch: lease.epoch } : take(lease)
    case 'same run':
      if (purpose === 'work') return takeOverdue(lease, now)
      return lease.handedOver ? { kind: 'continue', epoch: lease.epoch } : take(lease)
    case 'later attempt':
      // The earlier attempt has ended, or there would be no later one.
      return take(lease)
    case 'stranger':
      return takeOverdue(lease, now)
  }
}

/**
 * A lease as it is to be judged: with what this machine knows of the process that holds it.
 * @param hasEnded asked only of a record that is understood, of a lease that was not handed over
 */
export function observeHolder(lease: Lease, hasEnded: HasEnded): Lease {
  const { ended: _written, ...recorded } = lease
  const holding = recorded.handedOver ? undefined : knownProcess(recorded.holder.process)
  return holding && hasEnded(holding) ? { ...recorded, ended: true } : recorded
}

/** The holder once its process has nothing to do with the lease any more: the next step is another process. */
export function withoutProcess({ process: _over, ...holder }: Holder): Holder {
  return holder
}

function relation(holder: Holder, claimant: Holder): 'same job' | 'same run' | 'later attempt' | 'stranger' {
  if (holder.run !== claimant.run || holder.attempt > claimant.attempt) return 'stranger'
  if (holder.attempt < claimant.attempt) return 'later attempt'
  return holder.job === claimant.job ? 'same job' : 'same run'
}

function take({ epoch }: Lease): Claim {
  return { kind: 'take', epoch: epoch + 1 }
}

function takeOverdue(lease: Lease, now: number): Claim {
  return lease.ended || now >= lease.deadline ? take(lease) : { kind: 'wait', held: lease }
}
