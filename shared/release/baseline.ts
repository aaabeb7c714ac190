import type { Measured } from './vitals.ts'

/**
 * How the service was just before a release was applied: what the gate of that release holds against what it sees. It is
 * kept with the release, so it is small: 60 probes take about half a kilobyte.
 */
export interface Baseline {
  /** ISO 8601. */
  at: string
  /** Of each probe the slowest answer in whole milliseconds, in the order of time; null when not every path answered. */
  ms: (number | null)[]
  /** Probes that saw something bad. */
  failed: number
  /** What was over its threshold already, by signal, with its newest value. */
  over: Record<string, number>
  /** Share of its limit that the busiest instance used, where its target measures that. */
  instances?: Partial<Record<Measured, number>>
}
