import { InputError } from '../../outcome/errors.ts'
import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import { livesWith, lowerFloor } from '../../release/floor.ts'
import {
  closeBad,
  find,
  inPlace,
  isReleaseId,
  unsettled,
  type Entry,
  type Ledger,
} from '../../release/ledger.ts'
import type { Lease } from '../../release/lease.ts'
import type { Live } from '../../release/settle.ts'
import { whyBad } from '../../release/why-bad.ts'
import type { Environment } from '../../config/environment.ts'
import { attestationNotes, attestRollback } from '../deploy/attestation.ts'
import { recallRecord } from './bring-back.ts'
import { budgetOf } from './budget.ts'
import { collectFailedRelease } from '../deploy/failed-release.ts'
import { findDestination, lastGood, showRevision } from './destination.ts'
import { halfWay } from '../recover/half-way.ts'
import { throughTunnel } from '../../targets/tunnel.ts'
import { withLiveRelease } from '../inspect/live-release.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { RollbackInputs } from './rollback-fields.ts'
import { preview } from './rollback-preview.ts'
import { settle } from '../recover/settle.ts'
import { runStep, type Stopwatch } from '../step/step.ts'
import { acquire, describeHolder, type Held } from '../step/held-lock.ts'
import { takeLockAway, unlockAdvice } from '../operate/unlock.ts'
import { takeWayBack, type WayBack } from './way-back.ts'

/** Brings the last good release, or a named one, back whole; then gates it. */
export function rollback(
  environment: Environment,
  inputs: RollbackInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  if (inputs.settle && !inputs.to) return settle(environment, inputs, ports)
  const subject = { step: 'rollback', service: environment.service, environment: environment.name }
  const ending = runStep(subject, ports, 'rollback-failed', async watch => {
    if (inputs.settle) throw InputError.of('to', inputs.to, 'nothing together with settle')
    if (inputs['dry-run']) return preview(environment, inputs, ports)
    if (inputs['with-db']) requireConfirmed(environment, inputs.confirm)
    const left = budgetOf(ports.clock, inputs.timeout)
    if (inputs.unlock) await takeLockAway(environment, inputs.because || 'to roll back', ports)
    const automatic = inputs.to === lastGood
    const untouched = automatic ? await readUntouched(ports) : undefined
    if (untouched) return nothingUnfinished(untouched)
    const held = await watch.time('lease', () => acquire(ports, 'undo', automatic ? 0 : left()))
    if ('held' in held) return leaseHeld(environment, held.held, automatic ? 'skipped' : 'failure', ports)
    try {
      return await goBack({ environment, inputs, ports, watch, held, left })
    } catch (error) {
      // What is unfinished is written in the ledger: the run that finishes it need not wait for this lease to run out.
      if (!ports.signal.aborted) await held.giveBack().catch(() => undefined)
      throw halfWay(error)
    } finally {
      held.abandon()
    }
  })
  return withLiveRelease(ending, ports)
}

interface Way {
  environment: Environment
  inputs: RollbackInputs
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  /** Milliseconds that the next part of the step may take. */
  left: () => number
}

async function goBack(way: Way): Promise<Conclusion> {
  const { environment, inputs, ports, watch, held, left } = way
  const { confirm, 'with-db': withDb, 'database-url': databaseUrl } = inputs
  const before = held.lock.ledger
  // A database that is being put back comes first, whatever was asked for.
  const to = before.restoring?.database ? '' : inputs.to
  const undoes = to === lastGood || (to === '' && isTakenBack(before, ports.run.id))
  if (undoes && !unsettled(before) && !before.restoring) return leaveAsItIs(held)
  const destination = await findDestination(to, held, ports)
  if (!destination) return nothingToRestore(environment, held, before, ports)
  const { back } = destination
  if (!undoes) await attestRollback(environment, back, ports)
  const notes = [...destination.notes, ...(undoes ? attestationNotes(environment, back) : [])]
  // Found unfinished, or just recorded as r0: read anew.
  const { ledger } = held.lock
  const from = inPlace(ledger)
  const open = unsettled(ledger)
  const asked = ports.secrets.redact(inputs.because)
  const because = [open ? whyBad(open) : `rolled back to ${back.id} by ${ports.run.actor}`, asked]
    .filter(Boolean)
    .join(': ')
  const trigger = undoes ? 'failed-release' : 'operator'
  const work: WayBack = {
    ...{ environment, ports, watch, held, back, from, because, trigger, databaseUrl, notes },
    timeoutMs: left(),
  }
  if (before.restoring?.database) return takeWayBack(work)
  if (withDb) return goBackWithDatabase(way, work)
  if (to !== lastGood && !livesWith(ledger.floor, back.version)) {
    if (confirm === '') return schemaTooNew(held, ledger, back)
    if (confirm !== back.version) throw InputError.of('confirm', confirm, back.version)
    ports.log.warn(`${ports.run.actor} says that ${back.version} can live with the schema of the database.`)
    await held.lock.update(now => lowerFloor(now, back))
  }
  ports.log.info(`Bringing ${back.version} (${back.id}) back to ${held.target.place}.`)
  return takeWayBack({ ...work, timeoutMs: left() })
}

/** What has been written since is told before anything is touched; the live database is written to until the swap. */
async function goBackWithDatabase(
  { environment, inputs, ports, watch, held }: Way,
  work: WayBack,
): Promise<Conclusion> {
  const { back, from } = work
  const { beginWithDatabase, planDatabase } = await import('./with-database.ts')
  // Before anything is written down or touched.
  await recallRecord(held.target, back)
  const because = `${work.because}, with its database: to have ${from?.version ?? 'it'} again, deploy it`
  const loss = await throughTunnel(
    place => ports.openTunnel(place),
    environment.tunnels.database,
    async via => {
      const plan = await watch.time('prepare', () =>
        planDatabase(environment, held.lock.ledger, back, inputs, ports, via),
      )
      ports.log.warn(`${plan.loss.finding}.`)
      for (const line of plan.loss.detail?.split('\n') ?? []) ports.log.warn(`  ${line}`)
      await beginWithDatabase(plan, back, because, held, ports, watch)
      return plan.loss
    },
  )
  ports.log.info(`Bringing ${back.version} (${back.id}) back to ${held.target.place}, with its database.`)
  const timeoutMs = budgetOf(ports.clock, inputs.timeout)()
  return takeWayBack({ ...work, timeoutMs, because, notes: [...work.notes, loss] })
}

function requireConfirmed({ name }: Environment, confirm: string): void {
  if (confirm === name) return
  const hint = `See what would be lost with dry-run first; then set confirm to ${name}.`
  throw InputError.of('confirm', confirm, `${name}, since with-db replaces its live database`, hint)
}

/** The run that asks has released last, and its deploy has undone that itself: one release further back is too far. */
function isTakenBack({ entries }: Ledger, run: string): boolean {
  const newest = entries.at(-1)
  return newest?.run === run && newest.state === 'bad'
}

/** Nothing was touched: the database would not fit. */
async function schemaTooNew(held: Held, ledger: Ledger, back: Entry): Promise<Conclusion> {
  const { version = '', since = '' } = ledger.floor ?? {}
  const fitting = ledger.entries
    .filter(
      entry =>
        entry.state === 'good' && entry.id !== ledger.serving && livesWith(ledger.floor, entry.version),
    )
    .map(entry => `${entry.id} (${entry.version})`)
  await held.giveBack()
  const instead = fitting.length > 0 ? `Go back to ${fitting.join(' or ')}; or restore` : 'Restore'
  return {
    status: 'failure',
    reason: 'schema-too-new',
    summary: `${back.version} (${back.id}) cannot live with the schema of the database, which needs ${version} or newer since ${since}; nothing was changed.`,
    next: `${instead} the database from a backup that is older than ${since}, then say so with confirm: ${back.version}.`,
    serving: find(ledger, ledger.serving)?.version ?? '',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

/**
 * The ledger, when no run has the lease, nothing is unfinished, and nothing runs that it does not know: then the deploy
 * before this step never came to write that it began, and not even a lease is needed to leave it so. (Its namespace, for
 * one, may not be there.)
 */
async function readUntouched(ports: TargetPorts): Promise<Ledger | undefined> {
  const target = await ports.openTarget()
  const [{ ledger, lease }, live] = await Promise.all([target.read(), target.live()])
  const open = lease ?? ledger.hold ?? ledger.restoring ?? unsettled(ledger)
  return open || isUnknown(live, ledger) ? undefined : ledger
}

/** A release of this suite runs, and the ledger that recorded it is gone. */
function isUnknown({ release }: Live, { entries }: Ledger): boolean {
  return isReleaseId(release ?? '') && !entries.some(({ id }) => id === release)
}

async function leaveAsItIs(held: Held): Promise<Conclusion> {
  const { ledger } = held.lock
  const live = await held.target.live()
  await held.giveBack()
  if (!isUnknown(live, ledger)) return nothingUnfinished(ledger)
  return {
    status: 'failure',
    reason: 'ledger-lost',
    summary: `${live.version} (${live.release}) runs, and the ledger does not know it: it was deleted. Nothing was changed.`,
    next: `Look at the service now. If it is well, deploy ${live.version} once more; else deploy the version that you want.`,
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

function nothingUnfinished(ledger: Ledger): Conclusion {
  const serving = find(ledger, ledger.serving)
  return {
    status: 'success',
    reason: 'nothing-to-settle',
    summary: serving
      ? 'No release was left unfinished; nothing was changed.'
      : 'Nothing was deployed, and nothing is to be taken back; nothing was changed.',
    serving: serving?.version ?? '',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

async function nothingToRestore(
  environment: Environment,
  held: Held,
  ledger: Ledger,
  ports: TargetPorts,
): Promise<Conclusion> {
  const open = unsettled(ledger)
  const evidence = open ? await collectFailedRelease(environment, held.target, ports, open) : []
  const at = new Date(ports.clock.now()).toISOString()
  if (open) await held.lock.update(now => closeBad(now, open.id, at, whyBad(open)))
  const revisions = await held.target.revisions()
  await held.giveBack()
  const named =
    revisions.length > 1
      ? `Name one of the workload's revisions with to: ${revisions.map(showRevision).join(', ')}.`
      : 'Name a release with to, or deploy the version that you want.'
  const left = open ? `${open.version} (${open.id}) is left as it is` : 'what serves is left as it is'
  return {
    status: 'failure',
    reason: 'nothing-to-restore',
    summary: `No good release is there to go back to: ${left}.`,
    next: open
      ? 'No release has been good here yet. Look at the service now; fix the cause and release again.'
      : named,
    evidence,
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

function leaseHeld(
  environment: Environment,
  lease: Lease,
  status: 'skipped' | 'failure',
  { clock }: TargetPorts,
): Conclusion {
  return {
    status,
    reason: 'lease-held',
    summary: `The environment is locked by ${describeHolder(lease, clock.now())}; nothing was changed.`,
    next: `Run this again when that run has ended. ${unlockAdvice(environment.name, lease)}`,
  }
}
