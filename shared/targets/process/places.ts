import { join, relative } from 'node:path'
import type { Environment } from '../../config/environment.ts'
import type { ProcessSpec } from '../../config/schema/schema.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import type { Adapters } from '../adapters.ts'

/** Where a process target keeps what. All of it is in one folder, which git ignores. */
export interface Places {
  folder: string
  /** A folder for each release. */
  release(id: ReleaseId): string
  /** What is being filled; it becomes a release by being renamed. */
  unfinished(id: ReleaseId): string
  /** A link to the release that serves. */
  current: string
  /** What the service writes, both streams. */
  log: string
  /** How many bytes the log had when that release was started. */
  logStart(id: ReleaseId): string
  /** What pm2 is told; it has secrets in it, as the records have. */
  ecosystem: string
  record(id: ReleaseId): string
  /** What a rollback to that release is judged by. */
  verification(id: ReleaseId): string
  /** Ledger and lease, as the holder of that epoch left them. */
  state(epoch: number): string
}

export function placesOf({ root }: Environment, { directory, app }: ProcessSpec): Places {
  const folder = join(root, directory)
  return {
    folder,
    release: id => join(folder, 'releases', id),
    unfinished: id => join(folder, 'releases', `${id}.unfinished`),
    current: join(folder, 'current'),
    log: join(folder, 'logs', `${app}.log`),
    logStart: id => join(folder, 'logs', `${app}-${id}.start`),
    ecosystem: join(folder, 'ecosystem.config.json'),
    record: id => join(folder, 'records', `${id}.json`),
    verification: id => join(folder, 'records', `${id}.verification.json`),
    state: epoch => join(folder, `state-${epoch}.json`),
  }
}

/** The source as a path inside the repository; empty for the whole of it, however that was said. */
export function sourceOf({ source = '' }: ProcessSpec): string {
  return relative('/', join('/', source))
}

/** What every part of a process target works with. */
export interface Context {
  environment: Environment
  spec: ProcessSpec
  places: Places
  adapters: Adapters
}
