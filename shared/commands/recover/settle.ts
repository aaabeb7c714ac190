import type { Conclusion, Evidence, Outcome } from '../../outcome/outcome.ts'
import { describeHold } from '../../release/hold.ts'
import type { Lease } from '../../release/lease.ts'
import { closeBad, find, type Entry, type Ledger } from '../../release/ledger.ts'
import { finishOrUndo, settle as decide } from '../../release/settle.ts'
import type { Environment } from '../../config/environment.ts'
import type { Change } from '../../targets/target.ts'
import { budgetOf } from '../rollback/budget.ts'
import { collectFailedRelease } from '../deploy/failed-release.ts'
import { closeRelease } from '../promote/finish.ts'
import { halfWay } from './half-way.ts'
import {
  commonFields,
  defaultTimeout,
  duration,
  secret,
  targetFields,
  type Fields,
  type Inputs,
} from '../step/inputs.ts'
import { withLiveRelease } from '../inspect/live-release.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep, type Stopwatch } from '../step/step.ts'
import { acquire, describeHolder, holderOf, type Held } from '../step/held-lock.ts'
import { unlockAdvice } from '../operate/unlock.ts'
import { verify } from '../verify/verify.ts'
import { takeWayBack } from '../rollback/way-back.ts'

export const settleFields = {
  ...commonFields,
  ...targetFields,
  'database-url': secret(
    "The live database, where one is being put back. Default: DATABASE_URL of the runbook's backup.env-file, else as the service gets it: of the target's env, else of the env-file.",
    'a URL like postgresql://user:password@host:5432/database?sslmode=require',
  ),
  timeout: duration('How long the whole step may take.', { default: defaultTimeout }),
} satisfies Fields

/** Why a release whose run left it unfinished is bad. */
const vanished = 'its run vanished before it was settled'

/**
 * Brings an environment whose last run did not finish to a state that the promise allows. It looks first: where nothing
 * is unfinished, nothing is written, not even the lease.
 * @param because why a release that is withdrawn is bad, for the history
 */
export function settle(
  environment: Environment,
  inputs: Inputs<typeof settleFields>,
  ports: TargetPorts,
  because = vanished,
): Promise<Outcome> {
  const subject = { step: 'settle', service: environment.service, environment: environment.name }
  const ending = runStep(subject, ports, 'rollback-failed', async watch => {
    const left = budgetOf(ports.clock, inputs.timeout)
    const rest = await restOf(ports)
    if (rest) return rest
    const held = await watch.time('lease', () => acquire(ports, 'undo', 0))
    if ('held' in held) {
      const { ledger } = await (await ports.openTarget()).read()
      return waiting(held.held, ledger, ports)
    }
    try {
      const databaseUrl = inputs['database-url']
      return await carryOut({ environment, ports, watch, held, left, databaseUrl, because })
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

/** How settling ends where there is nothing to do, or nothing may be done; undefined when there is work. */
async function restOf(ports: TargetPorts): Promise<Conclusion | undefined> {
  const target = await ports.openTarget()
  const [{ ledger, lease }, live] = await Promise.all([target.read(), target.live()])
  const decision = decide(ledger, live, lease, holderOf(ports), ports.clock.now())
  switch (decision.kind) {
    case 'nothing': {
      const strays = lease || ledger.hold ? [] : await target.strays()
      if (strays.length > 0) return undefined
      if (ledger.entries.length === 0 && !lease) return withoutHistory(target.place)
      return nothing(find(ledger, ledger.serving), [])
    }
    case 'wait':
      return waiting(decision.held, ledger, ports)
    case 'held':
      return {
        status: 'skipped',
        reason: 'held',
        summary: `A release is unfinished, and the environment is on hold by ${describeHold(decision.hold)}`,
        next: `When that is over: runbook resume ${ledger.environment}, then runbook settle ${ledger.environment}`,
        serving: find(ledger, ledger.serving)?.version ?? '',
      }
    default:
      return undefined
  }
}

/**
 * A place without any release is where nothing was ever deployed, or not the place that is meant: an engine of the runner's own, another
 * cluster. Both look the same, and a recovery that looks at the wrong place must not end as one that found all in order.
 */
function withoutHistory(place: string): Conclusion {
  return {
    status: 'failure',
    reason: 'history-missing',
    summary: `There is no release history in ${place}. Nothing was changed.`,
    next: 'If the environment has had a release, the credentials lead to another place: correct DOCKER_HOST, KUBECONFIG or the target in the runbook. If its first release failed before it began, there is nothing to recover.',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

interface Settling {
  environment: Environment
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  /** Milliseconds that the next part of the step may take. */
  left: () => number
  databaseUrl: string
  because: string
}

async function carryOut(work: Settling): Promise<Conclusion> {
  const { environment, ports, watch, held } = work
  const decision = finishOrUndo(held.lock.ledger, await held.target.live())
  switch (decision.kind) {
    case 'nothing':
      return tidy(work)
    case 'gate-then-finish': {
      const { verdict, evidence } = await watch.time('gate', () =>
        verify(environment, ports, held.target, {
          release: decision.release,
          ledger: held.lock.ledger,
          baseline: decision.release.baseline,
        }),
      )
      if (verdict === 'healthy')
        return closeRelease({ ...work, open: decision.release, timeoutMs: work.left() })
      const good = find(held.lock.ledger, held.lock.ledger.serving)
      return good ? restore(work, good, decision.release, evidence) : alarm(work, decision.release)
    }
    case 'restore':
      return restore(work, decision.good, decision.bad, [])
    case 'alarm':
      return alarm(work, decision.release)
  }
}

function restore(
  work: Settling,
  back: Entry,
  from: Entry | undefined,
  notes: Evidence[],
): Promise<Conclusion> {
  return takeWayBack({
    ...work,
    timeoutMs: work.left(),
    back,
    from,
    trigger: 'recovery',
    notes,
  })
}

async function alarm({ environment, ports, held, because }: Settling, open: Entry): Promise<Conclusion> {
  const evidence = await collectFailedRelease(environment, held.target, ports, open)
  const at = new Date(ports.clock.now()).toISOString()
  await held.lock.update(ledger => closeBad(ledger, open.id, at, because))
  await held.giveBack()
  return {
    status: 'failure',
    reason: 'nothing-to-restore',
    summary: `${open.version} (${open.id}) was left unfinished, and no good release is there to go back to. It is left as it is.`,
    next: 'No release has been good here yet. Look at the service now; fix the cause and release again.',
    evidence,
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

/** Nothing is unfinished, but something is left over. */
async function tidy({ held }: Settling): Promise<Conclusion> {
  const { lock } = held
  const removed = await lock.tidy()
  await held.giveBack()
  return nothing(find(lock.ledger, lock.ledger.serving), removed)
}

function nothing(serving: Entry | undefined, removed: Change[]): Conclusion {
  return {
    status: 'success',
    reason: 'nothing-to-settle',
    summary:
      removed.length === 0
        ? 'No release was left unfinished; nothing was changed.'
        : 'No release was left unfinished; what a withdrawn one had created too late was removed.',
    serving: serving?.version ?? '',
    evidence: [
      ...illSince(serving),
      ...removed.map(({ object }): Evidence => ({ subject: object, finding: 'removed', tone: 'note' })),
    ],
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

/** What serves was brought back and was not well then. It is told, and nothing more is done about it. */
function illSince(serving: Entry | undefined): Evidence[] {
  const { at, verdict } = serving?.restored ?? { at: '', verdict: 'healthy' }
  if (!serving || verdict === 'healthy') return []
  const finding = `was brought back at ${at}, and was ${verdict} then: look at it, nothing here tries again`
  return [{ subject: `${serving.version} (${serving.id})`, finding, tone: 'warn' }]
}

/** The last good release is reported all the same: a run that asks whether its release was recorded has the answer. */
function waiting(lease: Lease, ledger: Ledger, { clock }: TargetPorts): Conclusion {
  return {
    status: 'skipped',
    reason: 'lease-held',
    summary: `The environment is locked by ${describeHolder(lease, clock.now())}; nothing was changed.`,
    next: `That run settles it; when it is dead, settle again after the time given. ${unlockAdvice(ledger.environment, lease)}`,
    serving: find(ledger, ledger.serving)?.version ?? '',
  }
}
