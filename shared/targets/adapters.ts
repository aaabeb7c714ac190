import type { Clock } from '../host/clock.ts'
import type { Exec } from '../host/exec.ts'
import type { HasEnded } from '../release/holder-process.ts'
import type { Log } from '../host/log.ts'
import type { Secrets } from '../host/secrets/secrets.ts'

/** What a target needs of the machine it is driven from. */
export interface Adapters {
  clock: Clock
  exec: Exec
  log: Log
  secrets: Secrets
  /** For what tools read by convention: KUBECONFIG, DOCKER_HOST, HOME, PATH. */
  env: Record<string, string | undefined>
  /** Content or path of a kubeconfig; empty for the convention's. */
  kubeconfig: string
  /** Hosts that may see a registry's login beside the registry (`image.token-hosts` of the runbook); default: none. */
  tokenHosts?: readonly string[]
  /** Whether a process that is recorded with a lease is known to have ended. */
  hasEnded: HasEnded
  signal: AbortSignal
}
