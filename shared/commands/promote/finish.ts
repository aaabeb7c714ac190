import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import {
  closeBad,
  closeGood,
  find,
  keptReleases,
  retire,
  unsettled,
  type Entry,
  type ReleaseId,
} from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { copyLedger } from '../backup/copy-ledger.ts'
import { withLiveRelease } from '../inspect/live-release.ts'
import type { TargetPorts } from '../step/ports.ts'
import { findImpostor, missesReplaced, type Doubt } from '../recover/examine.ts'
import { runStep, type Stopwatch } from '../step/step.ts'
import { acquire, describeHolder, type Held } from '../step/held-lock.ts'
import { takeWayBack } from '../rollback/way-back.ts'

/**
 * Closes the release that this run left unsettled as good, and gives the lease back: the end of a job in which
 * everything succeeded.
 * @param deployed the outputs of `deploy`; a release other than the one it made is not touched
 */
export function finish(
  environment: Environment,
  deployed: Record<string, string>,
  ports: TargetPorts,
): Promise<Outcome> {
  const id = deployed['release-id'] as ReleaseId
  const subject = { step: 'finish', service: environment.service, environment: environment.name }
  const ending = runStep(subject, ports, 'tool-failed', async watch => {
    if (deployed['changed'] !== 'true') {
      return { status: 'success', reason: 'nothing-to-settle', summary: 'The deploy changed nothing.' }
    }
    const held = await acquire(ports, 'work', 0)
    if ('held' in held) {
      return {
        status: 'failure',
        reason: 'lease-lost',
        summary: `${id} could not be recorded good: ${describeHolder(held.held, ports.clock.now())} holds the environment.`,
        next: 'Look at that run: it settles the environment.',
      }
    }
    try {
      return await close(environment, held, id, ports, watch)
    } finally {
      held.abandon()
    }
  })
  return withLiveRelease(ending, ports)
}

async function close(
  environment: Environment,
  held: Held,
  id: ReleaseId,
  ports: TargetPorts,
  watch: Stopwatch,
): Promise<Conclusion> {
  const open = unsettled(held.lock.ledger)
  if (open?.id === id) return closeRelease({ environment, held, open, ports, watch, timeoutMs: undoMs })
  await held.giveBack()
  const state = find(held.lock.ledger, id)?.state ?? 'unknown'
  return { status: 'success', reason: 'nothing-to-settle', summary: `${id} is settled already: ${state}.` }
}

/** As long as a rollback may take by default. */
const undoMs = 600_000

/** The end of an unsettled release. */
export interface Closing {
  environment: Environment
  held: Held
  open: Entry
  ports: TargetPorts
  watch: Stopwatch
  /** How long the last good release may take to be back, if this one cannot be recorded good. */
  timeoutMs: number
}

/**
 * Records an unsettled release as good, forgets what is too old to be needed, and gives the lease back. When it is not
 * what was gated any more, or is not well without what it replaced, the last good one is brought back at once.
 */
export async function closeRelease(closing: Closing): Promise<Conclusion> {
  const { environment, held, open, ports, watch } = closing
  const removed = await held.lock.removeReplaced(open.id)
  const doubt =
    (await watch.time('examine', () => findImpostor(open, held, ports))) ??
    (await watch.time('gate', () => missesReplaced(environment, open, removed, held, ports)))
  if (doubt) return takeBack(closing, doubt)
  const at = new Date(ports.clock.now()).toISOString()
  const { ledger, retired } = retire(closeGood(held.lock.ledger, open.id, at), keptReleases)
  await held.lock.update(() => ledger)
  await held.lock.forget(retired)
  await held.giveBack()
  const evidence = await copyLedger(
    environment,
    held.target,
    { ledger, id: open.id, signing: undefined },
    ports,
  )
  return {
    status: 'success',
    reason: 'settled-good',
    summary: `${open.version} (${open.id}) is recorded good${caveatOf(open)}.`,
    serving: open.version,
    evidence,
  }
}

/** What a release has not proved whose job succeeded all the same: as a job does that goes on after a failed step. */
export function caveatOf({ gate, smoke }: Pick<Entry, 'gate' | 'smoke'>): string {
  if (gate === undefined) return ' (ungated: no health gate ran in this job)'
  if (gate !== 'pass') return ` (its gate ended with ${gate}, and the job went on)`
  return smoke === 'fail' ? ' (its smoke test failed, and the job went on)' : ''
}

async function takeBack(closing: Closing, { reason, why, evidence }: Doubt): Promise<Conclusion> {
  const { held, open, ports } = closing
  const summary = `${open.version} (${open.id}) is not recorded good: ${why}.`
  const back = find(held.lock.ledger, held.lock.ledger.serving)
  ports.log.warn(summary)
  if (!back) {
    const at = new Date(ports.clock.now()).toISOString()
    await held.lock.update(ledger => closeBad(ledger, open.id, at, why))
    await held.giveBack()
    const next = 'No release has been good here yet, so it is left as it is. Look at the service now.'
    return { status: 'failure', reason, summary, next, evidence }
  }
  const ended = await takeWayBack({
    ...closing,
    back,
    from: open,
    because: why,
    trigger: 'failed-release',
    databaseUrl: '',
    notes: evidence,
  })
  return {
    ...ended,
    status: 'failure',
    reason,
    summary: `${summary} ${ended.summary}`,
    next: ended.next ?? 'See above what was changed, and by whom; then release again.',
  }
}
