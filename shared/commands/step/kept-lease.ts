import type { Target, EnvironmentLock } from '../../targets/target.ts'

/** A lease that is renewed in the background. */
export interface RenewedLease {
  target: Target
  lock: EnvironmentLock
  /** Aborted when the lease is lost, with the error that says to whom. */
  lost: AbortSignal
  /** Renews it no more. Resolves when no renewal is under way. */
  stop(): Promise<void>
}

/**
 * The lease of a run whose steps are all parts of one process, as in `promote`: it is renewed from step to step, so that
 * it runs out a minute after the death of the process, wherever that died.
 */
export interface KeptLease {
  /** What the step before has left to the next one; undefined when there is none, or it was lost. */
  current(): RenewedLease | undefined
  keep(lease: RenewedLease): void
  drop(): void
}

export function createKeptLease(): KeptLease {
  let kept: RenewedLease | undefined
  return {
    current: () => (kept?.lost.aborted ? undefined : kept),
    keep(lease) {
      kept = lease
    },
    drop() {
      kept = undefined
    },
  }
}
