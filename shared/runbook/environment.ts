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
        /** age recipients; empty: backups are not encrypted. */
        encryptTo: string[]
        rpoMs: number
        rtoMs: number
      }
    | undefined
  /** Ports of the cluster through which a private database or Redis is reached; empty when it is reached directly. */
  tunnels: { database: string; redis: string }
  gate: GateSpec
  /** Base URLs, without a trailing slash; empty when the runbook names none. */
  monitoring: { prometheus: string; grafana: string; pushgateway: string }
  /** Names of the variables with the webhook and the token; empty when nobody is told there. */
  notify: { slack: string; github: string }
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
export function isWatched({ monitoring, notify }: Environment): boolean {
  return [monitoring.pushgateway, monitoring.grafana, notify.slack, notify.github].some(each => each !== '')
}
