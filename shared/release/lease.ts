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
}

/** The lock that lets one run at a time change an environment. */
export interface Lease {
  holder: Holder
  /** Fencing number: grows by one with every takeover. */
  epoch: number
  /** When somebody else may take it over: milliseconds since 1970, by the clock of whoever wrote it. */
  deadline: number
  /** The step that held it ended in order and has no write under way: the next one of its run needs no fence. */
  handedOver: boolean
}

/**
 * What the lease is wanted for. `undo` is a rollback or a settle: its job runs when the others of its run have ended.
 * `work` is everything else.
 */
export type Purpose = 'work' | 'undo'

/** What somebody who wants the lease may do about it. */
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

/** A working step renews its lease this often, and has this long before others may take over (DESIGN section 5). */
export const heartbeatMs = 10_000
export const workingDeadlineMs = 60_000
/** A step that hands the lease to the next step of its run leaves it this long past that step's timeout. */
export const handOverMs = 120_000
/**
 * How long that step is taken to last when nobody knows: it may be the owner's own, like the integration tests, for which
 * promote.yml allows half an hour. A run that vanished meanwhile is settled by its own second job long before.
 */
export const nextStepMs = 1_800_000

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

function relation(holder: Holder, claimant: Holder): 'same job' | 'same run' | 'later attempt' | 'stranger' {
  if (holder.run !== claimant.run || holder.attempt > claimant.attempt) return 'stranger'
  if (holder.attempt < claimant.attempt) return 'later attempt'
  return holder.job === claimant.job ? 'same job' : 'same run'
}

function take({ epoch }: Lease): Claim {
  return { kind: 'take', epoch: epoch + 1 }
}

function takeOverdue(lease: Lease, now: number): Claim {
  return now >= lease.deadline ? take(lease) : { kind: 'wait', held: lease }
}
