import type { Target } from '../../targets/target.ts'
import type { Tunnel } from '../../targets/tunnel.ts'
import type { RunInfo } from '../../host/run.ts'
import type { Clock } from '../../host/clock.ts'
import type { Exec } from '../../host/exec.ts'
import type { Log } from '../../host/log.ts'
import type { KeptLease } from './kept-lease.ts'
import type { Secrets } from '../../host/secrets/secrets.ts'

/** All that a step knows of the world. */
export interface Ports {
  clock: Clock
  log: Log
  secrets: Secrets
  exec: Exec
  run: RunInfo
  /** The process's environment: for programs that are started, and for what they read by convention (PG*, AWS_*, DOCKER_HOST). */
  env: Record<string, string | undefined>
  /** Aborted when the run is cancelled, or the step's timeout is over. */
  signal: AbortSignal
}

/** For steps that talk to a database, which only the cluster may reach. */
export interface TunnelPorts extends Ports {
  /** A way to a port of the cluster, like `service/postgres:5432`; the caller that opens it closes it. */
  openTunnel(place: string): Promise<Tunnel>
}

/** For steps that look at, or change, the environment itself. */
export interface TargetPorts extends TunnelPorts {
  /** Opened at the first call, and only then. */
  openTarget(): Promise<Target>
  /** Aborted with a StrayError when an error reaches no handler: what was begun is still to be brought to rest. */
  stray: AbortSignal
  /** The same ports under another signal; what they open is closed with these. */
  under(signal: AbortSignal): TargetPorts
  /** Where the steps of a run are parts of one process: what holds the lease between them. */
  kept?: KeptLease
}
