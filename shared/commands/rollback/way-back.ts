import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import { noteRollback, noteVerdict, sampleOf, type Entry, type RollbackAct } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Change, Target } from '../../targets/target.ts'
import { bringBack, type BroughtBack } from './bring-back.ts'
import { copyLedger } from '../backup/copy-ledger.ts'
import { observe } from '../verify/observe.ts'
import type { TargetPorts } from '../step/ports.ts'
import type { PutBack } from './put-database-back.ts'
import { describeChanges, describeDifference } from '../inspect/release-diff.ts'
import { concludeHealth, concludePartly, concludeUnhealthy } from './restored.ts'
import type { Stopwatch } from '../step/step.ts'
import type { Held } from '../step/held-lock.ts'
import { verify, type Verified } from '../verify/verify.ts'

export interface WayBack {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  back: Entry
  /** What it takes the place of. */
  from: Entry | undefined
  /** Why that one is bad or withdrawn. */
  because: string
  trigger: RollbackAct['trigger']
  timeoutMs: number
  /** Of the database that is put back with it; empty for the service's own DATABASE_URL. */
  databaseUrl: string
  /** What has to be said beside how it went. */
  notes: Evidence[]
}

/**
 * Brings a release back, proves that it is well, and gives the lease back. Whatever comes out is the end: an ill restore
 * is written down and reported, and never followed by another one that was not asked for.
 */
export async function takeWayBack(work: WayBack): Promise<Conclusion> {
  const { environment, ports, watch, held, from, notes } = work
  const { target, lock } = held
  const brought = await watch.time('restore', () => bringBack(work))
  const { rollout, changes, back, database } = brought
  const verified: Verified =
    rollout.kind === 'ready'
      ? await watch.time('verify', () => {
          const { ledger } = lock
          return verify(environment, ports, target, {
            release: back,
            ledger,
            baseline: sampleOf(ledger, back),
          })
        })
      : { verdict: 'unhealthy', evidence: rollout.cause.evidence }
  const at = new Date(ports.clock.now()).toISOString()
  const { verdict } = verified
  await lock.update(ledger =>
    noteRollback(noteVerdict(ledger, back.id, { restored: { at, verdict } }), { verdict }),
  )
  const seen = await watch.time('observe', () => observe(environment, target, ports))
  await held.giveBack()
  const copied = await copyLedger(
    environment,
    target,
    { ledger: lock.ledger, id: back.id, signing: undefined },
    ports,
  )
  const withdrawn = changesOf(target, brought, from)
  const rest = [
    ...notes,
    ...brought.evidence,
    ...(database?.evidence ?? []),
    ...withdrawn.evidence,
    ...restored(changes, withdrawn.objects),
    ...seen,
    ...copied,
  ]
  const ended =
    rollout.kind === 'ready'
      ? concludeHealth(back, from, verified, rest)
      : {
          ...concludeUnhealthy(back, rollout.cause.message, [...verified.evidence, ...rest]),
          cause: rollout.cause.class,
        }
  const whole = concludePartly(ended, back, changes)
  return database?.kind === 'abandoned' ? withoutDatabase(whole, back, database) : whole
}

/** The release could not go where it was to go, since its database could not. What serves is said as it is. */
function withoutDatabase(ended: Conclusion, back: Entry, { why }: PutBack): Conclusion {
  if (ended.reason === 'restored-unhealthy') return ended
  return {
    ...ended,
    status: 'failure',
    reason: 'restore-failed',
    summary: `The database could not be put back, and is as it was: ${why}. ${back.version} (${back.id}) serves upon it.`,
    next: 'Nothing was lost. See why in the log of the database server; then run the rollback again.',
  }
}

/** What the release that was replaced had changed against the one that is restored; undefined where that is not known. */
function changesOf(
  target: Target,
  { payload, withdrawn }: BroughtBack,
  from: Entry | undefined,
): { evidence: Evidence[]; objects: Set<string> } {
  if (!withdrawn || !from) return { evidence: [], objects: new Set() }
  const changes = target.compare(payload, withdrawn)
  return {
    evidence: describeDifference(`what ${from.version} (${from.id}) had changed`, changes),
    objects: new Set(changes.filter(({ action }) => action !== 'none').map(({ object }) => object)),
  }
}

/** @param shown objects whose diff is shown already: theirs would be the same, mirrored */
function restored(changes: Change[], shown: Set<string>): Evidence[] {
  return describeChanges(
    'what was restored',
    changes.map(({ diff, ...rest }) =>
      diff === undefined || shown.has(rest.object) ? rest : { ...rest, diff },
    ),
  )
}
