import type { Clock } from '../host/clock.ts'
import type { Exec } from '../host/exec.ts'
import type { Log } from '../host/log.ts'

/** What backing up and restoring need of the world. */
export interface BackupPorts {
  clock: Clock
  exec: Exec
  log: Log
  /** The process's environment, for the programs that are started and for the object store's credentials. */
  env: Record<string, string | undefined>
  signal: AbortSignal
}
