import type { AttestationRule } from './schema/attestation-rule.ts'
import type { Condition } from './schema/condition.ts'
import type { FreezeWindow } from './freeze.ts'
import type { JsonExpectation } from './schema/json-expectation.ts'
import type { TargetSpec } from './schema/schema.ts'

/** One environment of a runbook, with its defaults filled in and every unit in its base form. */
export interface Environment {
  service: string
  name: string
  /** Folder that the runbook's paths are relative to: the repository's root. Absolute. */
  root: string
  target: TargetSpec
  /** Where the service is reached, without a trailing slash; empty when the runbook names none. */
  url: string
  /** Origins beside that of `url` to which a redirect of the service is followed; default: none. */
  redirectsTo?: readonly string[]
  /** What of images and registries the runbook says. */
  image?: ImageTrust
  /** Path of the env-file relative to `root`; empty when there is none. */
  envFile: string
  /** Keys that the env-file must have. */
  requires: string[]
  backup:
    | {
        destination: string
        /** Path, relative to `root`, of a file with what backups alone need; empty when there is none. */
        envFile: string
        retentionDays: number
        /** For backups that are not kept long. */
        shortDays: number
        /** age recipients; empty: backups are not encrypted. */
        encryptTo: string[]
        /** Ed25519 public keys, of which one must have signed a backup; empty: signatures are not asked for. */
        signedBy: string[]
        /** A query that is asked of the dumped instant and of its restore; empty: none. */
        verifyQuery: string
        /** Image with PostgreSQL's programs, for machines that lack them; empty: the official one. */
        postgresImage: string
        rpoMs: number
        /** The runbook says `rpo` itself: what it promises, a deploy is held to. */
        promisesRpo: boolean
        rtoMs: number
        /** The server archives its write-ahead log, whose age counts instead of the newest dump's. */
        wal: boolean
      }
    | undefined
  /** Ports of the cluster through which a private database or Redis is reached; empty when it is reached directly. */
  tunnels: { database: string; redis: string }
  gate: GateSpec
  /** Base URLs, without a trailing slash; empty when the runbook names none. */
  monitoring: { prometheus: string; grafana: string; pushgateway: string }
  /** Names of the variables with the webhook and the token; empty when nothing is sent there. */
  notify: { slack: string; github: string }
  smoke: SmokeSpec
  /** What pre-deploy-check was told; undefined when the runbook says nothing. */
  checks?: ChecksSpec
  /** Where a key of it stands; undefined when it was not read from a file. */
  at?: At
}

/** What of an image and its registry is trusted. */
export interface ImageTrust {
  /** Hosts that may see the registry's login beside the registry. */
  tokenHosts: readonly string[]
  /** What an image has to be attested by before it runs; undefined: nothing. */
  attestedBy?: AttestationRule
}

/** Where a key of an environment stands, for errors: `deployment/runbook.yml:12 environments.production.gate.memory`. */
export type At = (key: string) => string

/** Where a key stands: `gate.for`. */
export function placeOf({ name, at }: Environment, key: string): string {
  return at?.(key) ?? `environments.${name}.${key} of the runbook`
}

/** What the smoke test sends. Limits that the runbook does not set are `smokeDefaults`. */
export interface SmokeSpec {
  /** Path of a suite relative to `root`; empty for the guide's endpoints. */
  suite: string
  /** Requests of the load; 0 sends none. */
  requests: number
  concurrency: number
  /** Requests a second. */
  maxRate?: number
  /** 95% of the answers have to come within so many milliseconds; 0 when latency is not judged. */
  maxP95Ms?: number
  /** Rate of failed requests, a share of 1. */
  maxErrorRate?: number
}

/** A CI check that must have passed. */
export interface RequiredCheck {
  name: string
  /** Slug or id of the app that reports it, or login of the account; empty: any. */
  by: string
}

/** What pre-deploy-check cannot find out by itself. Lists are empty where the runbook is silent. */
export interface ChecksSpec {
  code: {
    /** CI checks that must have passed; empty: every one that the commit has by its own. */
    required: RequiredCheck[]
    /** Folder of package.json, relative to the root. */
    directory: string
    approvals: number
    /** Undefined: the default branch. Empty: every commit. */
    branches: string[] | undefined
    /** GitHub environment of the recovery job; undefined: NAME-recovery. */
    recoveryEnvironment: string | undefined
    /** Names of variables of this machine that the service's own scripts get. */
    variables: string[]
  }
  database: {
    /** Range of versions, or empty. */
    version: string
    maxLagMs: number
    /** Undefined: not looked at. */
    replicas: number | undefined
    /** PromQL, or empty. */
    disk: string
    /** A program and its arguments, or empty. */
    migrations: string[]
  }
  /** Policy that Redis must evict by; empty: any. */
  redis: { eviction: string }
  services: OutsideService[]
  /** Files are empty where the guide's places are meant. */
  certificate: { file: string; key: string; renewBeforeMs: number }
  /** `host:port`; undefined where the defaults are meant. */
  ports: { open: string[]; closed: string[] } | undefined
  onCall: { name: string; contact: string }[]
  freeze: FreezeWindow[]
}

/** A service that the release cannot do without, and how it is asked. */
export type OutsideService =
  /** An empty `status` accepts any below 500. */
  | { name: string; url: string; status: number[] }
  /** `host:port` that takes connections. */
  | { name: string; address: string }

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
  /** 95% of the probes have to be answered within this; 0: what the service needed before the release, where that is known. */
  latencyMs: number
  /**
   * How long a release that was just started may be slow, or not answer well, before it counts; undefined: what earlier
   * releases took, within bounds.
   */
  warmUpMs?: number
  /** How long the service is sampled before a release is applied; 0: not at all. */
  baselineMs: number
  /** Longest time without an answer that a release may cause while it replaces the previous one; undefined: any. */
  maxGapMs?: number
  /** By path: what the JSON of its answer has to hold, by dotted path. */
  expect: Record<string, JsonExpectation>
  /** Held against the service's metrics text. */
  metrics: Condition[]
  /** Asked of Prometheus. */
  queries: Condition[]
}

/**
 * The guide's thresholds (memory < 85%, CPU < 80%, disk < 90%) and the gate's window when the runbook is silent: 120
 * probes. Of 93 that show an error rate under 5% with 95% confidence, one may have failed; of 59, none.
 */
export const gateDefaults: GateSpec = {
  forMs: 60_000,
  intervalMs: 500,
  paths: ['/health', '/api/v1/status'],
  memory: 0.85,
  cpu: 0.8,
  disk: 0.9,
  errorRate: 0.01,
  latencyMs: 0,
  baselineMs: 3_000,
  expect: {},
  metrics: [],
  queries: [],
}

/** A release that has not warmed up within this is one that is slow. */
export const mostWarmUpMs = 30 * 60_000

/** Against a service that hangs, probes pile up for their timeout of 5 s: at most 100 rounds of them. */
export const leastIntervalMs = 50

/**
 * The guide's load (`ab -n 1000 -c 10`), at a rate that production does not notice: it takes 5 s. One in a hundred may
 * fail.
 */
export const smokeDefaults = {
  requests: 1_000,
  concurrency: 10,
  maxRate: 200,
  maxP95Ms: 0,
  maxErrorRate: 0.01,
} as const

/** How long backups stay where nothing says otherwise. The month is the guide's. */
export const retentionDefaults = {
  /** For those that are kept long. */
  days: 30,
  /** For the others. */
  shortDays: 2,
  /** The newest verified ones that stay, however old they are. */
  keepAtLeast: 7,
} as const

/** A system of the runbook is notified of how each step ended. */
export function isWatched({ monitoring, notify }: Environment): boolean {
  return [monitoring.pushgateway, monitoring.grafana, notify.slack, notify.github].some(each => each !== '')
}
