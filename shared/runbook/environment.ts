import type { TargetSpec } from './schema.ts'

/** One environment of a runbook, with its defaults filled in and every unit in its base form. */
export interface Environment {
  service: string
  name: string
  /** Folder that the runbook's paths are relative to: the repository's root. Absolute. */
  root: string
  target: TargetSpec
  /** Where the service is reached, without a trailing slash; empty when the runbook names none. */
  url: string
  /** Path of the env-file relative to `root`; empty when there is none. */
  envFile: string
  /** Keys that the env-file must have. */
  requires: string[]
  backup:
    | {
        destination: string
        retentionDays: number
        /** For backups that are not kept long. */
        shortDays: number
        /** age recipients; empty: backups are not encrypted. */
        encryptTo: string[]
        rpoMs: number
        /** The runbook says `rpo` itself: what it promises, a deploy is held to. */
        promisesRpo: boolean
        rtoMs: number
        /** The server archives its write-ahead log, whose age counts instead of the newest dump's. */
        wal: boolean
      }
    | undefined
  gate: GateSpec
  /** Base URLs, without a trailing slash; empty when the runbook names none. */
  monitoring: { prometheus: string; grafana: string; pushgateway: string }
  smoke: { suite: string; requests: number; concurrency: number }
}

/** What the gate asks of the service. Shares are of 1: the guide's 85% of memory is 0.85. */
export interface GateSpec {
  forMs: number
  intervalMs: number
  /** Paths that are probed, each with a leading slash. */
  paths: string[]
  memory: number
  cpu: number
  disk: number
  /** Rate of failed probes that is still well. */
  errorRate: number
  /** 95% of the probes have to be answered within this; 0 when latency is not judged. */
  latencyMs: number
}

/**
 * The guide's thresholds (memory < 85%, CPU < 80%, disk < 90%) and the gate's window when the runbook is silent: 60
 * probes, one more than it takes to show an error rate under 5% with 95% confidence.
 */
export const gateDefaults: GateSpec = {
  forMs: 30_000,
  intervalMs: 500,
  paths: ['/health', '/api/v1/status'],
  memory: 0.85,
  cpu: 0.8,
  disk: 0.9,
  errorRate: 0.01,
  latencyMs: 0,
}

/** Somebody is to be told how each step ended. */
export function isWatched({ monitoring }: Environment): boolean {
  return monitoring.pushgateway !== '' || monitoring.grafana !== ''
}
