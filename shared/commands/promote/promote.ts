import type { Outcome } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import { backupDb } from '../backup/backup-db.ts'
import { backupDbFields } from '../backup/backup-db-fields.ts'
import { deploy } from '../deploy/deploy.ts'
import { deployFields, deployOutputs } from '../deploy/deploy-fields.ts'
import { lastGood } from '../rollback/destination.ts'
import { finish } from './finish.ts'
import { createKeptLease, type KeptLease } from '../step/kept-lease.ts'
import { healthGate, healthGateFields } from '../verify/health-gate.ts'
import { choice, parseInputs, type Fields, type Outputs } from '../step/inputs.ts'
import { preDeployCheck, preDeployCheckFields } from '../check/pre-deploy-check.ts'
import type { TargetPorts } from '../step/ports.ts'
import { rollback } from '../rollback/rollback.ts'
import { rollbackFields } from '../rollback/rollback-fields.ts'
import {
  collect,
  ending,
  inOrder,
  succeeded,
  unlessInvalid,
  whole,
  type Report,
  type Step,
} from './sequence.ts'
import { smokeTest, smokeTestFields } from '../verify/smoke-test.ts'
import { endKept, inOneProcess, passOn } from '../step/held-lock.ts'
import { url } from '../step/url-input.ts'
import { lockForPromotion } from './lock-for-promotion.ts'
import { requireVerifiable } from '../verify/verification.ts'

/** In one process the lease is renewed from step to step: nothing has to be said of how long it is left. */
const { 'lock-for': _renewed, ...gatedDeployFields } = deployFields
const { backup: _ownBackup, ...deployable } = gatedDeployFields

export { gatedDeployFields }

/** What a promotion may be told; each step takes from it what it knows. */
export const promoteFields = {
  ...deployable,
  skip: preDeployCheckFields.skip,
  accept: preDeployCheckFields.accept,
  url: url("Where the service is reached. Default: the runbook's url."),
  backup: choice(
    'Whether the database is backed up before the deploy. `auto`: where the runbook names a backup.',
    ['auto', 'true', 'false'],
    { default: 'auto' },
  ),
  'backup-timeout': {
    ...backupDbFields.timeout,
    description: 'How long the backup and the proof that it can be restored may take.',
  },
  'signing-key': backupDbFields['signing-key'],
  'github-token': preDeployCheckFields['github-token'],
} satisfies Fields

export const promoteOutputs = {
  ...deployOutputs,
  'restored-release-id':
    'Id of the release that serves again after a way back; empty when nothing was restored.',
  verdict:
    'Of that release: `healthy`, `unhealthy` or `unverified`; `nothing-to-restore` where there was none.',
} satisfies Outputs

/**
 * The whole promotion of one environment: checks, backup, deploy, gate, smoke test; and the rollback when one of them
 * does not succeed. The environment stays locked for it from before the checks until its end.
 * @param read gives the text of an input, empty when it is not given
 * @param report receives each step's end as it happens
 * @returns how it ended as a whole, in the words of the step that decided
 */
export async function promote(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const own = parseInputs(promoteFields, read)
  const backsUp = own.backup === 'auto' ? environment.backup !== undefined : own.backup === 'true'
  const inputs = {
    check: parseInputs(preDeployCheckFields, name =>
      name === 'backs-up-next' ? String(backsUp) : read(name),
    ),
    backup: parseInputs(backupDbFields, name => read(name === 'timeout' ? 'backup-timeout' : name)),
  }
  const { taken, keep } = collect(report, ports)
  const kept = createKeptLease()
  const stop = AbortSignal.any([ports.signal, ports.stray])
  const there = inOneProcess(ports.under(stop), kept)
  try {
    if (!own['dry-run']) {
      // Under ports of its own: those that could not open the target do not try again, and the deploy does.
      const locked = await lockForPromotion(environment, own.timeout, inOneProcess(ports.under(stop), kept))
      if (locked.status === 'failure') {
        await keep(locked)
        return whole('promote', locked, taken)
      }
      taken.push(locked)
    }
    const steps: Step[] = [
      { name: 'pre-deploy-check', run: () => preDeployCheck(environment, inputs.check, there) },
    ]
    if (backsUp) steps.push({ name: 'backup-db', run: () => backupDb(environment, inputs.backup, there) })
    const before = await inOrder(steps, environment, there, keep)
    if (before && !succeeded(before)) return whole('promote', before, taken)
    const backup = before?.outputs['backup-uri'] ?? ''
    const deploying = (name: string) => (name === 'backup' ? backup : read(name))
    return whole('promote', await deployKept(environment, deploying, ports, keep, kept), taken)
  } finally {
    await endKept(kept, ports)
  }
}

/**
 * Deploys, gates, smoke-tests, and closes the release; or brings the last good one back. Once something was changed,
 * nothing but an operator's hold comes between it and one of the two: no error of a step, no bug, no report that cannot
 * be given; and the way back is taken also when the run is cancelled, since it may be killed at any instant.
 * Parameters and result as `promote`.
 */
export function deployGated(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  return deployKept(environment, read, ports, report, createKeptLease())
}

/** As `deployGated`. @param kept holds the lock of the environment where an earlier part of the run has acquired it */
async function deployKept(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
  kept: KeptLease,
): Promise<Outcome> {
  const inputs = {
    deploy: parseInputs(deployFields, read),
    gate: parseInputs(healthGateFields, read),
    smoke: parseInputs(smokeTestFields, read),
    undo: parseInputs(rollbackFields, name =>
      name === 'to' ? lastGood : shared.has(name) ? read(name) : '',
    ),
  }
  const { taken, keep } = collect(report, ports)
  const there = inOneProcess(ports.under(AbortSignal.any([ports.signal, ports.stray])), kept)
  const deploying: Step = {
    name: 'deploy',
    run: async () => {
      await requireVerifiable(environment, inputs, there)
      return deploy(environment, inputs.deploy, there)
    },
  }
  const attempt = await ending(deploying, environment, there)
  const deployed = hasBegun(attempt) ? unlessInvalid(attempt, 'failure', 'apply-refused') : attempt
  await keep(deployed)
  if (changedNothing(deployed)) return whole('deploy', deployed, taken)
  const outputs = { ...deployed.outputs, 'restored-release-id': '', verdict: '' }
  const proving: Step[] = [
    {
      name: 'health-gate',
      run: () => healthGate(environment, inputs.gate, there),
      unable: ['inconclusive', 'gate-inconclusive'],
    },
    {
      name: 'smoke-test',
      run: () => smokeTest(environment, inputs.smoke, there),
      unable: ['failure', 'smoke-failed'],
    },
    {
      name: 'finish',
      run: () => finish(environment, deployed.outputs, there),
      unable: ['failure', 'tool-failed'],
    },
  ]
  const last = succeeded(deployed) ? await inOrder(proving, environment, there, keep) : undefined
  if (last && succeeded(last)) return { ...whole('deploy', last, taken), outputs }
  const decided = last ?? deployed
  if (there.signal.aborted)
    ports.log.warn(
      'Stopped: what is unfinished is taken back first. If that is stopped too, settle finishes it.',
    )
  const calm = ports.under(new AbortController().signal)
  await passOn(kept, there)
  const undoing: Step = { name: 'rollback', run: () => rollback(environment, inputs.undo, calm) }
  const undone = await ending(undoing, environment, calm)
  await keep(undone)
  const ended = whole('deploy', decided, taken)
  // What is not recorded good is taken back by `finish` itself.
  const { outputs: restored } = last?.step === 'finish' && isAtRest(undone) ? last : undone
  return { ...rolledBack(ended, undone), outputs: { ...outputs, ...restored } }
}

/**
 * The end of the whole where a rollback was tried: why it was, and where it has led. A deploy that had left nothing
 * unfinished keeps its own word on what to do.
 */
function rolledBack(decided: Outcome, undone: Outcome): Outcome {
  if (isAtRest(undone)) return { ...decided, serving: undone.serving }
  const restored = succeeded(undone)
  const { environment } = decided
  return {
    ...decided,
    status: restored ? decided.status : 'failure',
    summary: [decided.summary, undone.summary].map(asSentence).filter(Boolean).join(' '),
    next: restored
      ? `Fix the cause, then release again. What was live when, and why it changed: runbook history ${environment}`
      : [asSentence(undone.next), `What is live now: runbook status ${environment}`]
          .filter(Boolean)
          .join(' '),
    serving: undone.serving,
  }
}

function asSentence(text: string): string {
  return text === '' || /[.!?]$/.test(text) ? text : `${text}.`
}

/** Nothing was left to be taken back. */
function isAtRest({ reason }: Outcome): boolean {
  return reason === 'nothing-to-settle'
}

/** Then there is nothing to watch, and nothing to take back. */
function changedNothing({ outputs, reason }: Outcome): boolean {
  return outputs['changed'] === 'false' || ['input-invalid', 'lease-held', 'held'].includes(reason)
}

/** Whether a deploy came so far that it wrote down what it was about to do. */
function hasBegun({ timings }: Outcome): boolean {
  return timings.some(({ phase }) => ['settle', 'intend'].includes(phase))
}

/** What the way back takes from the inputs of the way there. */
const shared = new Set(['environment', 'config', 'kubeconfig', 'timeout'])
