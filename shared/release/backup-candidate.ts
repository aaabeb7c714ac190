import type { Entry } from './ledger.ts'

/** A backup that a release may be recorded with. */
export interface Candidate {
  uri: string
  /** Milliseconds since 1970; undefined when the caller named it, and answers for it. */
  takenAt: number | undefined
}

/** Backups are named, and dated, by whole seconds. */
const secondMs = 1_000

/**
 * Whether the database may go back to a backup when the release is taken back: it holds what the release before it left
 * behind, so it was taken while that one served; and it is young enough to have been meant.
 * @param serving what the new release is deployed upon
 * @param rpoMs how old a backup may be that was not named
 */
export function belongsTo(
  { takenAt }: Candidate,
  serving: Entry | undefined,
  rpoMs: number,
  now: number,
): boolean {
  if (takenAt === undefined) return true
  const since = serving?.restored?.at ?? serving?.settledAt
  return now - takenAt <= rpoMs && (since === undefined || takenAt + secondMs > Date.parse(since))
}
