import { isExpected, messageOf } from '../../outcome/errors.ts'
import { belongsTo, type Candidate } from '../../release/backup-candidate.ts'
import type { Entry } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Ports } from '../step/ports.ts'

/** A store that does not answer keeps no release waiting. */
const withinMs = 20_000

/**
 * The backup that was taken just before a release: the one that its caller names, else the newest verified one of the
 * runbook's store. A store that cannot be read is said, and is no reason not to deploy.
 * @param given the input; empty when the caller names none
 */
export async function findCandidate(
  environment: Environment,
  given: string,
  ports: Ports,
): Promise<Candidate | undefined> {
  if (given !== '') return { uri: given, takenAt: undefined }
  if (!environment.backup) return undefined
  const late = AbortSignal.timeout(withinMs)
  try {
    // Loaded where backups are kept: many environments have none.
    const { newestOf } = await import('../../backup/storage/newest.ts')
    const signal = AbortSignal.any([ports.signal, late])
    const found = await newestOf(environment, { ...ports, signal })
    return found && { uri: found.uri, takenAt: Date.parse(found.manifest.takenAt) }
  } catch (error) {
    ports.signal.throwIfAborted()
    if (!isExpected(error) && !late.aborted) throw error
    ports.log.info(`No backup is recorded with this release: ${messageOf(error)}`)
    return undefined
  }
}

/** What a new release says of its backup; nothing when none belongs to it. */
export function recordedBackup(
  work: { environment: Environment; ports: Ports; backup: Candidate | undefined },
  serving: Entry | undefined,
): Pick<Entry, 'backup'> {
  const { environment, ports, backup } = work
  const rpoMs = environment.backup?.rpoMs ?? 0
  if (!backup) return {}
  if (!belongsTo(backup, serving, rpoMs, ports.clock.now())) {
    ports.log.info(`Not recorded with it, older than the RPO or than what serves: the backup ${backup.uri}.`)
    return {}
  }
  ports.log.info(`Recorded with it: the backup ${backup.uri}.`)
  return { backup: backup.uri }
}
