import { ToolError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import {
  beginRestore,
  endRestore,
  find,
  inPlace,
  noteRollback,
  recordRollback,
  unfinishedRollback,
  unsettled,
  type Entry,
  type Ledger,
  type RollbackAct,
} from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Change, Payload, Rollout, Target } from '../../targets/target.ts'
import { collectFailedRelease } from '../deploy/failed-release.ts'
import { identify, type Identified } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { PutBack } from './put-database-back.ts'
import type { Held } from '../step/held-lock.ts'

export interface BringBack {
  environment: Environment
  ports: TargetPorts
  held: Held
  back: Entry
  /** Why the release that is taken back is bad or withdrawn. */
  because: string
  /** Who wanted it, for the history. */
  trigger: RollbackAct['trigger']
  timeoutMs: number
  /** Of the database that is put back with it; empty for the service's own DATABASE_URL. */
  databaseUrl: string
}

/** What a restore did, and how far it came. */
export interface BroughtBack {
  /** What serves: another release than was asked for when its database could not be put back. */
  back: Entry
  /** Undefined when only the release was brought back. */
  database: PutBack | undefined
  changes: Change[]
  rollout: Rollout
  payload: Payload
  /** Of the release that it took the place of, when that is recorded. */
  withdrawn: Payload | undefined
  /** What was seen of that release before it was removed. */
  evidence: Evidence[]
}

/**
 * Brings one release back whole and waits until it serves. The intent is written first, so that a run that finds the
 * environment half-way finishes the work. It is ended, too, when the release does not become ready: then everything has
 * been done that can be, and doing it again every five minutes would not help. A database that is being put back comes
 * first, and decides which release may serve upon it.
 * @throws ToolError when the record of the release is gone: nothing has been touched then
 */
export async function bringBack(work: BringBack): Promise<BroughtBack> {
  const { ports, held, because, timeoutMs } = work
  const { target, lock } = held
  const evidence = await evidenceOfReplaced(work)
  const database = lock.ledger.restoring?.database && (await returnDatabase(work))
  const back = (database && find(lock.ledger, lock.ledger.serving)) ?? work.back
  const payload = await recallRecord(target, back)
  const { ledger } = lock
  const from = inPlace(ledger)
  const withdrawn = from && from.id !== back.id ? await target.recall(from.id) : undefined
  const at = now(ports)
  const identified = await identify(ports)
  const begun = { work, identified, from, back, at }
  if (!ledger.restoring || ledger.serving !== back.id || unsettled(ledger))
    await lock.update(found => recorded(beginRestore(found, back.id, at, because), begun))
  else if (!unfinishedRollback(ledger)) await lock.update(found => recorded(found, begun))
  const changes = await lock.restore(back.id, payload, withdrawn)
  for (const { action, object } of changes) if (action !== 'none') ports.log.info(`${action} ${object}`)
  const rollout = await lock.follow(back.id, payload, {
    release: 'proven',
    timeoutMs,
    signal: held.signal,
    onProgress: line => ports.log.info(line),
  })
  const finished = { finishedAt: now(ports), to: back.id, ...byAnother(lock.ledger, ports) }
  await lock.update(found => noteRollback(endRestore(found), finished))
  return { back, database, changes, rollout, payload, withdrawn, evidence }
}

/** Nothing of what the restore removes, or stops for its database, can be seen after it. */
async function evidenceOfReplaced({ environment, ports, held, back }: BringBack): Promise<Evidence[]> {
  const replaced = inPlace(held.lock.ledger)
  if (!replaced || replaced.id === back.id) return []
  return collectFailedRelease(environment, held.target, { ...ports, signal: held.signal }, replaced)
}

function now({ clock }: TargetPorts): string {
  return new Date(clock.now()).toISOString()
}

interface Begun {
  work: BringBack
  identified: Identified
  from: Entry | undefined
  back: Entry
  at: string
}

/** In the history before anything is touched: one that fails, or whose run dies, is there as well. */
function recorded(ledger: Ledger, { work, identified, from, back, at }: Begun): Ledger {
  const { because, trigger } = work
  const { run } = work.ports
  const by = { by: run.actor, ...identified, run: run.id, runUrl: run.url }
  return recordRollback(ledger, { ...by, trigger, because, from: from?.id ?? back.id, to: back.id, at })
}

/** Which run finishes it, where another one began it. */
function byAnother(ledger: Ledger, { run }: TargetPorts): Pick<RollbackAct, 'finishedBy'> {
  return unfinishedRollback(ledger)?.run === run.id ? {} : { finishedBy: run.title }
}

/** What a release was, exactly. @throws ToolError when its record is gone */
export async function recallRecord(target: Target, { id, version }: Entry): Promise<Payload> {
  const payload = await target.recall(id)
  if (payload) return payload
  throw new ToolError(`the record of ${id} (${version}) is gone from ${target.place}`, {
    tool: 'ledger',
    hint: `Deploy ${version} again from its tag.`,
  })
}

/** Loaded where it is needed: most ways back have nothing to do with a database. */
async function returnDatabase(work: BringBack): Promise<PutBack | undefined> {
  const { putDatabaseBack } = await import('./put-database-back.ts')
  return putDatabaseBack(work)
}
