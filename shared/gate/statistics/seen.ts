import type { Vitals } from '../../release/vitals.ts'

export const resources = ['memory', 'cpu', 'disk'] as const
export type Resource = (typeof resources)[number]

/** When a round is made, and until when it may be. */
export interface Moment {
  /** Milliseconds from the gate's start. */
  atMs: number
  /** Milliseconds since 1970, by which the age of a metric is told. */
  now: number
  signal: AbortSignal
}

/** One round of probes: one request to each path at the same moment. */
export interface Round {
  /** Milliseconds from the gate's start to the round's. */
  atMs: number
  /** Why it is bad, one entry a path; empty when nothing was. */
  failures: string[]
  /** The beginning of the answer's body for each failure that has one, by the failure's own words. */
  bodies?: Record<string, string>
  /** What could not be measured, for a reason that is not the service's; empty when all was. */
  gaps: string[]
  /** It is bad in no other way than a service is while it starts: no answer, or one of 502, 503 and 504. */
  starting: boolean
  /** The slowest answer in milliseconds; undefined when not every path answered. */
  slowestMs: number | undefined
}

/** One value of something that is held against a threshold, or why there is none. */
export type Reading = { signal: string; atMs: number } & ({ value: number; of: string } | { gap: string })

/** The workload at one moment, as its target has it, or why it could not be asked. */
export type Snapshot = { atMs: number } & ({ instances: Vitals[] } | { gap: string })

/** All that a gate has seen so far, each list in the order of time. */
export interface Seen {
  rounds: Round[]
  /** How many rounds there were when the window was over; undefined before that. Those that follow extend it. */
  windowRounds?: number
  readings: Reading[]
  /** Empty when there is no target to ask. */
  workload: Snapshot[]
}
