/** Who holds, or asks for, the lease. */
export interface Holder {
  /** Same for every step and job of one run; see RunInfo. */
  run: string
  attempt: number
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
}

/** A working step renews its lease this often, and has this long before others may take over (DESIGN section 5). */
export const heartbeatMs = 10_000
export const workingDeadlineMs = 60_000
/** A step that hands the lease to the next step of its run leaves it this long past that step's timeout. */
export const handOverMs = 120_000

/** What somebody who wants the lease may do about it. */
export type Claim =
  | { kind: 'take'; epoch: number }
  /** The same run and attempt holds it: go on under the same epoch. */
  | { kind: 'continue'; epoch: number }
  | { kind: 'wait'; held: Lease }

/**
 * Decides what a claimant may do. A later attempt of the run that holds it takes over at once: the earlier attempt has
 * ended, or there would be no later one.
 * @param lastEpoch the highest epoch that was ever given out, 0 at first
 */
export function claim(lease: Lease | null, lastEpoch: number, claimant: Holder, now: number): Claim {
  if (!lease) return { kind: 'take', epoch: lastEpoch + 1 }
  if (lease.holder.run === claimant.run) {
    if (lease.holder.attempt === claimant.attempt) return { kind: 'continue', epoch: lease.epoch }
    if (lease.holder.attempt < claimant.attempt) return { kind: 'take', epoch: lease.epoch + 1 }
  }
  return now >= lease.deadline ? { kind: 'take', epoch: lease.epoch + 1 } : { kind: 'wait', held: lease }
}
