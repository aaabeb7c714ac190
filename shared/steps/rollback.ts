import { InputError } from '../outcome/errors.ts'
import type { Conclusion, Evidence, Outcome } from '../outcome/outcome.ts'
import {
  closeBad,
  find,
  resolveRelease,
  unsettled,
  wayBack,
  type Entry,
  type Ledger,
} from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { bringBack } from './bring-back.ts'
import { budgetOf } from './budget.ts'
import {
  commonFields,
  defaultTimeout,
  duration,
  flag,
  targetFields,
  text,
  type Fields,
  type Inputs,
  type Outputs,
} from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { settleEnvironment } from './settle.ts'
import { runStep, type Stopwatch } from './step.ts'
import { acquire, describeHolder, type Held } from './tenure.ts'
import { verify } from './verify.ts'
import { concludeHealth, concludeUnhealthy } from './restored.ts'

/** For `to`: the way back of a job whose release did not make it. */
const lastGood = 'last-good'

export const rollbackFields = {
  ...commonFields,
  ...targetFields,
  to: text(
    'What to go back to. `last-good` only undoes a release that is unfinished, and changes nothing when none is. ' +
      'Default: the last good release before the one that is there.',
    'last-good, a release id like r3, or a version like v1.2.3',
  ),
  settle: flag(
    'Only finish what a run that vanished left behind; change nothing when everything is settled.',
    {
      default: 'false',
    },
  ),
  timeout: duration('How long the lease may be waited for, and how long the old release may take to serve.', {
    default: defaultTimeout,
  }),
} satisfies Fields

export const rollbackOutputs = {
  'restored-release-id': 'Id of the release that serves again; empty when nothing was restored.',
  verdict: '`healthy`, `unhealthy`, `unverified` or `nothing-to-restore`.',
} satisfies Outputs

export type RollbackInputs = Inputs<typeof rollbackFields>

/** Brings the last good release, or a named one, back whole; then gates it. */
export function rollback(
  environment: Environment,
  inputs: RollbackInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = {
    step: inputs.settle ? 'settle' : 'rollback',
    service: environment.service,
    environment: environment.name,
  }
  return runStep(subject, ports, 'rollback-failed', async watch => {
    if (inputs.settle && inputs.to) throw InputError.of('to', inputs.to, 'nothing together with settle')
    const left = budgetOf(ports.clock, inputs.timeout)
    const automatic = inputs.settle || inputs.to === lastGood
    const held = await watch.time('lease', () => acquire(ports, automatic ? 0 : left()))
    if ('held' in held)
      return leaseHeld(describeHolder(held.held, ports.clock.now()), automatic ? 'skipped' : 'failure')
    try {
      return inputs.settle
        ? await settleEnvironment({ environment, ports, watch, held, timeoutMs: left() })
        : await goBack({ environment, to: inputs.to, ports, watch, held, left })
    } catch (error) {
      // What is unfinished is written in the ledger: whoever finishes it need not wait for this lease to run out.
      if (!ports.signal.aborted) await held.giveBack().catch(() => undefined)
      throw error
    } finally {
      held.abandon()
    }
  })
}

interface Way {
  environment: Environment
  to: string
  ports: TargetPorts
  watch: Stopwatch
  held: Held
  /** Milliseconds that the next part of the step may take. */
  left: () => number
}

async function goBack({ environment, to, ports, watch, held, left }: Way): Promise<Conclusion> {
  const { ledger } = held.tenure
  const from = unsettled(ledger) ?? find(ledger, ledger.serving)
  if (to === lastGood && !unsettled(ledger) && !ledger.restoring) return nothingUnfinished(held)
  const back = choose(ledger, to)
  if (!back) return nothingToRestore(held, ledger, ports)
  ports.log.info(`Bringing ${back.version} (${back.id}) back to ${held.target.place}.`)
  const because = unsettled(ledger)
    ? 'its job did not succeed'
    : `rolled back to ${back.id} by ${ports.run.actor}`
  const { rollout, changes } = await watch.time('restore', () =>
    bringBack({ environment, ports, held, back, because, timeoutMs: left() }),
  )
  const restored: Evidence[] = changes
    .filter(({ action }) => action !== 'none')
    .map(({ object, action, diff }) => ({
      subject: object,
      finding: `${action}d`.replace('ee', 'e'),
      tone: 'note',
      ...(diff ? { detail: diff } : {}),
    }))
  if (rollout.kind !== 'ready') {
    await held.giveBack()
    return concludeUnhealthy(back, rollout.cause.message, [...rollout.cause.evidence, ...restored])
  }
  const verified = await watch.time('gate', () => verify(environment, ports))
  await held.giveBack()
  return concludeHealth(back, from, verified, restored)
}

function choose(ledger: Ledger, to: string): Entry | undefined {
  // What is being brought back comes first: the release before it would be one too far.
  if (to === '') return ledger.restoring ? find(ledger, ledger.serving) : wayBack(ledger)
  if (to === lastGood) return find(ledger, ledger.serving)
  const found = resolveRelease(ledger, to)
  if (found) return found
  const known = ledger.entries
    .filter(entry => entry !== unsettled(ledger))
    .map(entry => `${entry.id} (${entry.version}, ${entry.state})`)
  throw InputError.of('to', to, known.join(', ') || 'nothing yet: the ledger has no settled release')
}

async function nothingUnfinished(held: Held): Promise<Conclusion> {
  const serving = find(held.tenure.ledger, held.tenure.ledger.serving)
  await held.giveBack()
  return {
    status: 'success',
    reason: 'nothing-to-settle',
    summary: 'No release was left unfinished; nothing was changed.',
    serving: serving?.version ?? '',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

async function nothingToRestore(held: Held, ledger: Ledger, ports: TargetPorts): Promise<Conclusion> {
  const open = unsettled(ledger)
  const at = new Date(ports.clock.now()).toISOString()
  if (open) await held.tenure.update(now => closeBad(now, open.id, at, 'its job did not succeed'))
  await held.giveBack()
  const left = open ? `${open.version} (${open.id}) is left as it is` : 'what serves is left as it is'
  return {
    status: 'failure',
    reason: 'nothing-to-restore',
    summary: `No good release is there to go back to: ${left}.`,
    next: open
      ? 'This was the first release. Look at the service now; mend the cause and release again.'
      : 'Name a release with to, or deploy the version that you want.',
    outputs: { 'restored-release-id': '', verdict: 'nothing-to-restore' },
  }
}

function leaseHeld(holder: string, status: 'skipped' | 'failure'): Conclusion {
  return {
    status,
    reason: 'lease-held',
    summary: `The environment is held by ${holder}; nothing was changed.`,
    next: 'Run this again when it has ended.',
  }
}
