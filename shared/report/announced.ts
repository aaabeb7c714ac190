import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunInfo } from '../platform/run.ts'
import { logFolder } from './files.ts'

/** What a run has told the team it is about to do. */
interface Announced {
  run: string
  attempt: number
  version: string
}

/** Where the steps of a job leave it for each other. */
function fileOf(root: string, environment: string): string {
  return join(root, logFolder, `announced_${environment}.json`)
}

/** The team has been told that this run deploys a version. */
export function rememberAnnouncement(root: string, environment: string, run: RunInfo, version: string): void {
  const announced: Announced = { run: run.id, attempt: run.attempt, version }
  mkdirSync(join(root, logFolder), { recursive: true })
  writeFileSync(fileOf(root, environment), `${JSON.stringify(announced)}\n`, { mode: 0o600 })
}

/** Whether an earlier step of this run has told it, so that nobody hears it twice. */
export function wasAnnounced(root: string, environment: string, run: RunInfo, version: string): boolean {
  try {
    const told = JSON.parse(readFileSync(fileOf(root, environment), 'utf8')) as Partial<Announced>
    return told.run === run.id && told.attempt === run.attempt && told.version === version
  } catch {
    return false
  }
}
