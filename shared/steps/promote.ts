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
  const from = ports.clock.elapsed()
  const before = await inOrder(steps, report)
  if (before && !succeeded(before)) return whole(before, ports.clock.elapsed() - from)
  const backup = before?.outputs['backup-uri'] ?? ''
  return deployGated(environment, name => (name === 'backup' ? backup : read(name)), ports, report)
}

/** Deploys, gates, smoke-tests, and closes the release; or brings the last good one back. */
export async function deployGated(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const from = ports.clock.elapsed()
  const deployed = await deploy(environment, parseInputs(deployFields, read), ports)
  await report(deployed)
  if (changedNothing(deployed)) return whole(deployed, deployed.durationMs)
  const last = succeeded(deployed)
    ? await inOrder(
        [
          () => healthGate(environment, parseInputs(healthGateFields, read), ports),
          () => smokeTest(environment, parseInputs(smokeTestFields, read), ports),
          () => finish(environment, deployed.outputs, ports),
        ],
        report,
      )
    : deployed
  if (last && succeeded(last))
    return { ...whole(last, ports.clock.elapsed() - from), outputs: deployed.outputs }
  const undo = parseInputs(rollbackFields, name =>
    name === 'to' ? 'last-good' : shared.has(name) ? read(name) : '',
  )
  const undone = await rollback(environment, undo, ports)
  await report(undone)
  return {
    ...whole(last ?? deployed, ports.clock.elapsed() - from),
    serving: undone.serving,
    outputs: deployed.outputs,
  }
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
function whole(decided: Outcome, durationMs: number): Outcome {
  return { ...decided, step: 'promote', durationMs: Math.round(durationMs), evidence: [], timings: [] }
}

type Run = () => Promise<Outcome>

function succeeded({ status }: Outcome): boolean {
  return status === 'success'
}

/** What the way back takes from the inputs of the way there. */
const shared = new Set(['environment', 'config', 'kubeconfig', 'timeout'])
