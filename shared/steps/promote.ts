import type { Outcome } from '../outcome/outcome.ts'
import type { Environment } from '../runbook/environment.ts'
import { backupDb } from './backup-db.ts'
import { backupDbFields } from './backup-db-fields.ts'
import { deploy, deployFields, deployOutputs } from './deploy.ts'
import { finish } from './finish.ts'
import { healthGate, healthGateFields } from './health-gate.ts'
import { parseInputs, type Fields } from './inputs.ts'
import { preDeployCheck, preDeployCheckFields } from './pre-deploy-check.ts'
import type { TargetPorts } from './ports.ts'
import { rollback } from './rollback.ts'
import { rollbackFields } from './rollback-fields.ts'
import { smokeTest, smokeTestFields } from './smoke-test.ts'

const { backup: _ownBackup, ...deployable } = deployFields

/** What a promotion may be told; each step takes from it what it knows. */
export const promoteFields = {
  ...deployable,
  skip: preDeployCheckFields.skip,
  accept: preDeployCheckFields.accept,
  'github-token': preDeployCheckFields['github-token'],
} satisfies Fields

export const promoteOutputs = deployOutputs

/** Told of each step's end as it happens. */
export type Report = (outcome: Outcome) => Promise<void> | void

/**
 * The whole promotion of one environment: checks, backup, deploy, gate, smoke test; and the way back when one of them
 * does not succeed.
 * @param read gives the text of an input, empty when it is not given
 * @param report told of each step's end as it happens
 * @returns how it ended as a whole, in the words of the step that decided
 */
export async function promote(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const asked = (name: string) =>
    name === 'backs-up-next' ? String(Boolean(environment.backup)) : read(name)
  const steps: Run[] = [() => preDeployCheck(environment, parseInputs(preDeployCheckFields, asked), ports)]
  if (environment.backup) steps.push(() => backupDb(environment, parseInputs(backupDbFields, read), ports))
  const { taken, keep } = collect(report)
  const before = await inOrder(steps, keep)
  const backup = before?.outputs['backup-uri'] ?? ''
  const ended =
    before && !succeeded(before)
      ? before
      : await deployGated(environment, name => (name === 'backup' ? backup : read(name)), ports, keep)
  return whole('promote', ended, taken)
}

/**
 * Deploys, gates, smoke-tests, and closes the release; or brings the last good one back. Parameters and result as
 * `promote`.
 */
export async function deployGated(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const { taken, keep } = collect(report)
  const deployed = await deploy(environment, parseInputs(deployFields, read), ports)
  await keep(deployed)
  if (changedNothing(deployed)) return whole('deploy', deployed, taken)
  const last = succeeded(deployed)
    ? await inOrder(
        [
          () => healthGate(environment, parseInputs(healthGateFields, read), ports),
          () => smokeTest(environment, parseInputs(smokeTestFields, read), ports),
          () => finish(environment, deployed.outputs, ports),
        ],
        keep,
      )
    : deployed
  if (last && succeeded(last)) return { ...whole('deploy', last, taken), outputs: deployed.outputs }
  const undo = parseInputs(rollbackFields, name =>
    name === 'to' ? 'last-good' : shared.has(name) ? read(name) : '',
  )
  const undone = await rollback(environment, undo, ports)
  await keep(undone)
  return {
    ...whole('deploy', last ?? deployed, taken),
    serving: undone.serving,
    outputs: deployed.outputs,
  }
}

/** A report that also keeps what it was told. */
function collect(report: Report): { taken: Outcome[]; keep: Report } {
  const taken: Outcome[] = []
  const keep: Report = async outcome => {
    taken.push(outcome)
    await report(outcome)
  }
  return { taken, keep }
}

/** Then there is nothing to watch, and nothing to take back. */
function changedNothing({ outputs, reason }: Outcome): boolean {
  return outputs['changed'] === 'false' || ['input-invalid', 'lease-held', 'held'].includes(reason)
}

/** Runs steps until one does not succeed. */
async function inOrder(steps: Run[], report: Report): Promise<Outcome | undefined> {
  let last: Outcome | undefined
  for (const step of steps) {
    last = await step()
    await report(last)
    if (!succeeded(last)) break
  }
  return last
}

/** The end of the whole, in the words of the step that decided; its evidence was reported with it. */
function whole(step: string, decided: Outcome, taken: Outcome[]): Outcome {
  const timings = taken.map(each => ({ phase: each.step, ms: each.durationMs }))
  return {
    ...decided,
    step,
    startedAt: taken[0]?.startedAt ?? decided.startedAt,
    durationMs: timings.reduce((sum, { ms }) => sum + ms, 0),
    evidence: [],
    timings,
  }
}

type Run = () => Promise<Outcome>

function succeeded({ status }: Outcome): boolean {
  return status === 'success'
}

/** What the way back takes from the inputs of the way there. */
const shared = new Set(['environment', 'config', 'kubeconfig', 'timeout'])
