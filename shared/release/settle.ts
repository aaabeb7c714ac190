import { find, unsettled, type Entry, type Hold, type Ledger } from './ledger.ts'
import { claim, type Holder, type Lease } from './lease.ts'

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
  /** Nothing is unfinished, but the holder of the lease is gone: end it, so that none of its writes arrives any more. */
  | { kind: 'end-lease'; held: Lease }
  /** Something is unfinished, and an operator keeps everything automatic away from it. */
  | { kind: 'held'; hold: Hold }
  /** The unsettled release passed its gate before its run vanished: gate it once more, then record it good. */
  | { kind: 'gate-then-finish'; release: Entry }
  | { kind: 'restore'; good: Entry; bad: Entry | undefined }
  /** Another run holds the lease and still has time. */
  | { kind: 'wait'; held: Lease }
  /** The unsettled release has no good predecessor: it stays as it is, and an operator has to look. */
  | { kind: 'alarm'; release: Entry }

/**
 * The one answer to every state in which a run may have left an environment.
 * @param asker who would settle it: its own run's lease does not make it wait
 * @param now milliseconds since 1970
 */
export function settle(
  ledger: Ledger,
  live: Live,
  lease: Lease | null,
  asker: Holder,
  now: number,
): Decision {
  const open = unsettled(ledger)
  const good = find(ledger, ledger.serving)
  const answer = claim({ lease, epoch: lease?.epoch ?? 0, ledger }, asker, 'undo', now)
  if (!open && !(ledger.restoring && good)) {
    const gone = answer.kind === 'take' || answer.kind === 'continue'
    return lease && gone ? { kind: 'end-lease', held: lease } : { kind: 'nothing' }
  }
  if (answer.kind === 'hold') return { kind: 'held', hold: answer.hold }
  if (answer.kind === 'wait') return { kind: 'wait', held: answer.held }
  return finishOrUndo(ledger, live)
}

/** What to do once this run has the lease. */
export function finishOrUndo(
  ledger: Ledger,
  live: Live,
): Exclude<Decision, { kind: 'wait' | 'held' | 'end-lease' }> {
  const open = unsettled(ledger)
  const good = find(ledger, ledger.serving)
  if (!open) {
    if (!ledger.restoring || !good) return { kind: 'nothing' }
    return { kind: 'restore', good, bad: find(ledger, ledger.restoring.from) }
  }
  const passed = open.state === 'ready' && open.gate === 'pass' && open.smoke !== 'fail'
  if (passed && live.ready && live.release === open.id) return { kind: 'gate-then-finish', release: open }
  return good ? { kind: 'restore', good, bad: open } : { kind: 'alarm', release: open }
}
