import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Vitals } from '../release/vitals.ts'

export interface GatePorts {
  clock: Clock
  log: Log
  signal: AbortSignal
  /** PROMETHEUS_TOKEN is read from it. */
  env: Record<string, string | undefined>
  /** The instances of what serves; undefined when there is no target to ask. */
  vitals?: (() => Promise<Vitals[]>) | undefined
  /** What was replaced and may still receive traffic; undefined when there is no target to ask. */
  leaving?: (() => Promise<{ instances: string[]; graceMs: number }>) | undefined
}
