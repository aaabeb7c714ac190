import { readChanges, type ChangesSince } from '../../backup/restore/changes-since.ts'
import { refused } from '../../backup/storage/find.ts'
import { describeLeftBehind } from '../../backup/restore/left-behind.ts'
import { connectBeside, findDatabase } from '../../backup/dump/live-database.ts'
import { adoptProperties, discard, fillNewDatabase, type Restoration } from '../../backup/restore/replace.ts'
import type { ToolError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import { describeServer, withDatabase } from '../../integrations/database/postgres-url.ts'
import { beginReturn, firstAfter } from '../../release/database-return.ts'
import type { Entry, Ledger } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import type { Address } from '../../targets/tunnel.ts'
import type { Ports } from '../step/ports.ts'
import { planRestoration } from './restoration.ts'
import type { Stopwatch } from '../step/step.ts'
import type { Held } from '../step/held-lock.ts'

/** Tables that are named one by one. */
const shownTables = 30

/** What a release is put back together with. */
export interface DatabaseInputs {
  'database-url': string
  'decrypt-with': string
}

/** What going back with the database would mean. */
export interface DatabasePlan {
  restoration: Restoration
  /** What would be lost, table by table. */
  loss: Evidence
}

/**
 * Finds the backup that goes with a release, and what has been written since. Changes nothing.
 * @throws ToolError (`restore-refused`) when no backup goes with it, or it cannot be restored here
 */
export async function planDatabase(
  environment: Environment,
  ledger: Ledger,
  back: Entry,
  inputs: DatabaseInputs,
  ports: Ports,
  via: Address | undefined,
): Promise<DatabasePlan> {
  const first = firstAfter(ledger, back.id)
  if (!first) {
    throw refused(
      `${back.version} (${back.id}) is not among the releases that what is there was deployed upon, so no backup is known to go with it`,
      'Restore a database of its time with restore-db first, then roll back without with-db.',
    )
  }
  if (first.backup === undefined) {
    throw refused(
      `${first.version} (${first.id}) was deployed without a backup, so none is of the last moment of ${back.version} (${back.id})`,
      'Choose a backup yourself: restore it with restore-db, then roll back without with-db.',
    )
  }
  const restoration = await planRestoration(
    environment,
    { backup: first.backup, into: '', 'max-age': 0, ...inputs },
    ports,
    via,
  )
  const { server, liveExists, found } = restoration
  if (!liveExists)
    throw refused(
      `The database ${describeServer(server)} does not exist`,
      'Make it again with restore-db first.',
    )
  const changes = await readChanges(server, found.manifest, ports.signal)
  const age = showDuration(Math.max(0, ports.clock.now() - Date.parse(found.manifest.takenAt)))
  return { restoration, loss: describeLoss(changes, age, restoration) }
}

/** A revision that no release stands for: it is not known which database it worked with. */
export function refuseRevision(to: string): ToolError {
  return refused(
    `Revision ${to} is no release of the ledger, so no backup is known to go with it`,
    'Restore a database of its time with restore-db first, then roll back without with-db.',
  )
}

/**
 * Restores the backup beside the live database, which goes on to be written to; then writes down that it is to take its
 * place. From then on, each run that finds the environment puts it back.
 */
export async function beginWithDatabase(
  { restoration }: DatabasePlan,
  back: Entry,
  because: string,
  held: Held,
  ports: Ports,
  watch: Stopwatch,
): Promise<void> {
  const { server, target, kept, uri, beyond } = restoration
  ports.log.info(
    `Restoring ${uri} into ${describeServer(withDatabase(server, target))}, beside the live one.`,
  )
  const leftOut = await fillNewDatabase(restoration, { ...ports, signal: held.signal }, (phase, work) =>
    watch.time(phase, work),
  )
  for (const { subject, finding } of describeLeftBehind(leftOut, { live: server.database, kept, beyond }))
    ports.log.warn(`${subject}: ${finding}.`)
  await adoptProperties(restoration, ports)
  try {
    const oid = await numberOf(restoration, ports)
    const at = new Date(ports.clock.now()).toISOString()
    const database = { backup: uri, live: server.database, restored: target, oid, kept }
    await held.lock.update(now => beginReturn(now, back.id, database, at, because))
  } catch (error) {
    // When the answer was lost, it is not known whether it is written down: then settle decides.
    if (held.lock.ledger.restoring?.database === undefined && !held.signal.aborted)
      await discard(server, target)
    throw error
  }
}

async function numberOf({ server, target }: Restoration, { signal }: Ports): Promise<string> {
  const beside = await connectBeside(server, signal)
  try {
    const oid = await findDatabase(beside, target)
    if (oid === undefined) throw refused(`${target} is gone`, 'It was dropped meanwhile: run this again.')
    return oid
  } finally {
    await beside.close()
  }
}

function describeLoss(
  { tables, by }: ChangesSince,
  age: string,
  { server, kept, uri }: Restoration,
): Evidence {
  const subject = 'database'
  const from = `the backup of ${age} ago`
  if (tables.length === 0) {
    const finding = `${describeServer(server)} goes back to ${from}; no row was written since`
    return { subject, finding, tone: 'note', detail: uri }
  }
  const fresh = tables.reduce((sum, table) => sum + table.fresh, 0)
  const about = by === 'rows' ? '' : 'at least '
  const lines = tables
    .slice(0, shownTables)
    .map(each => `${each.table}: ${each.fresh} new or changed, ${each.gone} changed or removed`)
  if (tables.length > shownTables) lines.push(`... and ${tables.length - shownTables} tables more`)
  return {
    subject,
    finding: `${describeServer(server)} goes back to ${from}: ${about}${fresh} rows of ${tables.length} tables, new or changed since, will only be in ${kept}`,
    tone: 'warn',
    detail: [uri, ...lines].join('\n'),
  }
}
