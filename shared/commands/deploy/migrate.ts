import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import { cutsTheWayBack, raiseFloor } from '../../release/floor.ts'
import { closeBad, find, noteVerdict, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Payload } from '../../targets/target.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { Held } from '../step/held-lock.ts'

export interface Migrating {
  ports: TargetPorts
  held: Held
  id: ReleaseId
  payload: Payload
  timeoutMs: number
}

/**
 * A release that could not be taken back once it has migrated the database is refused before anything is touched: the
 * automatic way back would lead to a release that cannot live with the new schema.
 */
export function refuseOneWay(
  version: string,
  serving: Entry | undefined,
  payload: Payload,
): Conclusion | undefined {
  const why = cutsTheWayBack(serving, payload.schemaNeeds)
  if (why === undefined) return undefined
  return {
    status: 'failure',
    reason: 'schema-too-new',
    summary: `${version} is refused, and nothing was changed: ${why}.`,
    next: `Release ${payload.schemaNeeds ?? ''} or a version like it first; or let this release only add to the schema, and lower runbook/schema-needs.`,
    serving: serving?.version ?? '',
  }
}

/**
 * Migrates the database before the workload is touched. The floor is raised first: from then on, whatever happens, no
 * older version may come back.
 * @returns the end of the step when a migration failed; else what it did
 */
export async function migrate(work: Migrating): Promise<{ failed: Conclusion } | { evidence: Evidence[] }> {
  const { ports, held, id, payload, timeoutMs } = work
  const { lock } = held
  if (raiseFloor(lock.ledger, id) !== lock.ledger) await lock.update(ledger => raiseFloor(ledger, id))
  const migrated = await lock.migrate(id, payload, {
    release: 'new',
    timeoutMs,
    signal: held.signal,
    onProgress: line => ports.log.info(line),
    done: completedBefore(lock.ledger),
    async onDone(digest) {
      const known = find(lock.ledger, id)?.migrated ?? []
      await lock.update(ledger => noteVerdict(ledger, id, { migrated: [...known, digest] }))
    },
  })
  if (migrated.kind !== 'failed') return { evidence: migrated.kind === 'done' ? migrated.evidence : [] }
  const { cause } = migrated
  const at = new Date(ports.clock.now()).toISOString()
  await lock.update(ledger => closeBad(ledger, id, at, `its migration failed: ${cause.message}`))
  await held.giveBack()
  const { version = '' } = find(lock.ledger, id) ?? {}
  const serving = find(lock.ledger, lock.ledger.serving)
  const serves = serving ? `${serving.version} (${serving.id}) serves as before` : 'nothing was deployed'
  return {
    failed: {
      status: 'failure',
      reason: 'migration-failed',
      summary: `${version} (${id}) was refused, since its migration failed; ${serves}. ${cause.message}`,
      next: 'Nothing to do for the service. See in the log what the migration did before it failed, fix it, and release again.',
      serving: serving?.version ?? '',
      cause: cause.class,
      evidence: cause.evidence,
    },
  }
}

/** A retry does not do again what an attempt since the last good release has done. */
function completedBefore({ entries, serving }: Ledger): string[] {
  const good = entries.findIndex(entry => entry.id === serving)
  return entries.slice(good + 1).flatMap(({ migrated = [] }) => migrated)
}
