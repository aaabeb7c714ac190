import type { Owner } from '../../backup/storage/catalog.ts'
import { applyRetention, planRetention, type Retention } from '../../backup/storage/retention.ts'
import type { Store } from '../../backup/storage/store.ts'
import { readingOf } from '../../backup/encryption/trust.ts'
import { messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { retentionDefaults, type Environment } from '../../config/environment.ts'
import type { TargetPorts } from '../step/ports.ts'

/** Whose old backups go, and which. */
export interface Retaining {
  store: Store
  owner: Owner
  retention: Omit<Retention, 'needed'>
}

/** As the runbook has it, where it is not asked for otherwise. */
export function retentionOf(
  { backup }: Environment,
  asked: { days?: number | undefined; keepAtLeast?: number | undefined },
): Retaining['retention'] {
  return {
    days: asked.days ?? backup?.retentionDays ?? retentionDefaults.days,
    shortDays: backup?.shortDays ?? retentionDefaults.shortDays,
    keepAtLeast: asked.keepAtLeast ?? retentionDefaults.keepAtLeast,
  }
}

const subject = 'retention'

/** For a backup that was not restored. */
export const notProved: Evidence = {
  subject,
  finding: 'no old backup was removed: this one is not proved by a restore',
  tone: 'note',
}

/**
 * Old backups go only after a newer one was proved. That they could not be removed does not spoil it.
 * @param newest key of the one that was proved
 */
export async function retain(
  { store, owner, retention }: Retaining,
  newest: string,
  environment: Environment,
  ports: TargetPorts,
): Promise<Evidence> {
  try {
    const needed = await neededBackups(ports)
    const removed = await applyRetention(
      ports,
      readingOf(environment, ports),
      store,
      owner,
      { ...retention, needed },
      newest,
    )
    const { days, shortDays, keepAtLeast } = retention
    const finding = `${removed.length} older than ${days} days (${shortDays} where they are not kept long) removed; the newest ${keepAtLeast} verified ones always stay`
    return { subject, finding, tone: 'note', ...(removed.length > 0 ? { detail: removed.join('\n') } : {}) }
  } catch (error) {
    ports.signal.throwIfAborted()
    return { subject, finding: `old backups could not be removed: ${messageOf(error)}`, tone: 'warn' }
  }
}

/** What retention would do: the same that a real run does, but for the removal. */
export async function planRetaining(
  { store, owner, retention }: Retaining,
  environment: Environment,
  ports: TargetPorts,
): Promise<Evidence> {
  try {
    const needed = await neededBackups(ports)
    // The backup that is not taken would be one of those that stay.
    const keepAtLeast = retention.keepAtLeast - 1
    const expired = await planRetention(readingOf(environment, ports), store, owner, {
      ...retention,
      keepAtLeast,
      needed,
    })
    const finding = `${expired.length} older than ${retention.days} days would be removed after a verified backup`
    const detail = expired.map(({ key }) => key).join('\n')
    return { subject, finding, tone: 'note', ...(expired.length > 0 ? { detail } : {}) }
  } catch (error) {
    ports.signal.throwIfAborted()
    return { subject, finding: `no old backup could be removed: ${messageOf(error)}`, tone: 'warn' }
  }
}

/**
 * Backups that a release in the ledger was preceded by. Where the ledger cannot be read, nothing may be removed: it
 * is not known which of them a rollback needs.
 */
async function neededBackups(ports: TargetPorts): Promise<string[]> {
  const target = await ports.openTarget()
  const { ledger } = await target.read()
  const uris = [...ledger.entries.map(({ backup }) => backup), ledger.restoring?.database?.backup]
  return uris.filter(uri => uri !== undefined)
}
