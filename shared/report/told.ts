import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunInfo } from '../host/run.ts'
import type { Exception } from '../release/ledger.ts'
import { logFolder } from './files.ts'

/** What the checks of a run leave for its later steps. */
export interface Told {
  /** Slack has heard that this version is about to be deployed. */
  announced: boolean
  exceptions: Exception[]
}

interface Left extends Told {
  run: string
  attempt: number
  version: string
}

const nothing: Told = { announced: false, exceptions: [] }

/** Where the steps of a job leave it for each other. */
function fileOf(root: string, environment: string): string {
  return join(root, logFolder, `checked_${environment}.json`)
}

/** Leaves what a run's checks of a version have told, and whom they have let pass. */
export function leaveTold(
  root: string,
  environment: string,
  { id, attempt }: RunInfo,
  version: string,
  told: Told,
): void {
  const left: Left = { ...told, run: id, attempt, version }
  mkdirSync(join(root, logFolder), { recursive: true })
  writeFileSync(fileOf(root, environment), `${JSON.stringify(left)}\n`, { mode: 0o600 })
}

/** What an earlier step of this run has left about this version; nothing when there was none. */
export function readTold(root: string, environment: string, { id, attempt }: RunInfo, version: string): Told {
  try {
    const left = JSON.parse(readFileSync(fileOf(root, environment), 'utf8')) as Partial<Left>
    const isOurs = left.run === id && left.attempt === attempt && left.version === version
    return isOurs ? { announced: left.announced === true, exceptions: left.exceptions ?? [] } : nothing
  } catch {
    return nothing
  }
}
