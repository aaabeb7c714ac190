import { find, unsettled, type Entry, type Ledger } from './ledger.ts'
import type { Lease } from './lease.ts'

/** What the environment really runs, as far as its target can tell. */
export interface Live {
  /** The release that the live workload says it is; null when there is no workload, or it says nothing. */
  release: string | null
  version: string
  /** `registry/repository@sha256:...` or whatever the workload names. */
  image: string
  /** Every replica of the live workload is of that release and ready. */
  ready: boolean
}

/** What has to happen so that the environment keeps the promise. */
export type Decision =
  | { kind: 'nothing' }
  /** The unsettled release passed its gate before its run vanished: gate it once more, then record it good. */
  | { kind: 'gate-then-finish'; release: Entry }
  | { kind: 'restore'; good: Entry; bad: Entry | undefined }
  /** Another run holds the lease and still has time. */
  | { kind: 'wait'; held: Lease }
  /** The unsettled release has no good predecessor: it stays as it is, and somebody has to look. */
  | { kind: 'alarm'; release: Entry }

/**
 * The one answer to every state in which a run may have left an environment.
 * @param asker id of the run that asks: its own lease does not make it wait
 * @param now milliseconds since 1970
 */
export function settle(
  ledger: Ledger,
  live: Live,
  lease: Lease | null,
  asker: string,
  now: number,
): Decision {
  const open = unsettled(ledger)
  const good = find(ledger, ledger.serving)
  if (!open && !(ledger.restoring && good)) return { kind: 'nothing' }
  if (lease && lease.holder.run !== asker && now < lease.deadline) return { kind: 'wait', held: lease }
  if (!open)
    return good
      ? { kind: 'restore', good, bad: find(ledger, ledger.restoring?.from ?? null) }
      : { kind: 'nothing' }
  const passed = open.state === 'ready' && open.gate === 'pass' && open.smoke !== 'fail'
  if (passed && live.ready && live.release === open.id) return { kind: 'gate-then-finish', release: open }
  return good ? { kind: 'restore', good, bad: open } : { kind: 'alarm', release: open }
}
