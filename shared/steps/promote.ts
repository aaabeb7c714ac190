import type { Outcome } from '../outcome/outcome.ts'
import type { Environment } from '../runbook/environment.ts'
import { backupDb, backupDbFields } from './backup-db.ts'
import { deploy, deployFields, deployOutputs } from './deploy.ts'
import { finish } from './finish.ts'
import { healthGate, healthGateFields } from './health-gate.ts'
import { parseInputs, type Fields, type Inputs } from './inputs.ts'
import { preDeployCheck, preDeployCheckFields } from './pre-deploy-check.ts'
import type { TargetPorts } from './ports.ts'
import { rollback, rollbackFields } from './rollback.ts'
import { smokeTest, smokeTestFields } from './smoke-test.ts'

/** What a promotion may be told; each step takes from it what it knows. */
export const promoteFields = {
  ...deployFields,
  skip: preDeployCheckFields.skip,
} satisfies Fields

export const promoteOutputs = deployOutputs

/** Told of each step's end as it happens. */
export type Report = (outcome: Outcome) => Promise<void> | void

/**
 * The whole promotion of one environment: checks, backup, deploy, gate, smoke test; and the way back when one of them
 * does not succeed.
 * @param read gives the text of an input, empty when it is not given
 * @returns the outcome of the step that decided: the last one when all is well, else the one that failed
 */
export async function promote(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const before: Run[] = [() => step(preDeployCheck, preDeployCheckFields)]
  if (environment.backup) before.push(() => step(backupDb, backupDbFields))
  for (const run of before) {
    const outcome = await run()
    if (!succeeded(outcome)) return outcome
  }
  return deployGated(environment, read, ports, report)

  async function step<F extends Fields>(work: Step<F>, fields: F): Promise<Outcome> {
    const outcome = await work(environment, parseInputs(fields, read), ports)
    await report(outcome)
    return outcome
  }
}

/** Deploys, gates, smoke-tests, and closes the release; or brings the last good one back. */
export async function deployGated(
  environment: Environment,
  read: (name: string) => string,
  ports: TargetPorts,
  report: Report,
): Promise<Outcome> {
  const deployed = await deploy(environment, parseInputs(deployFields, read), ports)
  await report(deployed)
  if (deployed.outputs['changed'] === 'false') return deployed
  let last = deployed
  const after: Run[] = [
    () => healthGate(environment, parseInputs(healthGateFields, read), ports),
    () => smokeTest(environment, parseInputs(smokeTestFields, read), ports),
  ]
  for (const run of after) {
    if (!succeeded(last)) break
    last = await run()
    await report(last)
  }
  if (succeeded(last)) {
    const finished = await finish(environment, deployed.outputs, ports)
    await report(finished)
    return { ...finished, step: 'promote', outputs: deployed.outputs }
  }
  const undo = parseInputs(rollbackFields, name =>
    name === 'to' ? 'last-good' : shared.has(name) ? read(name) : '',
  )
  await report(await rollback(environment, undo, ports))
  return last
}

type Run = () => Promise<Outcome>
type Step<F extends Fields> = (
  environment: Environment,
  inputs: Inputs<F>,
  ports: TargetPorts,
) => Promise<Outcome>

function succeeded({ status }: Outcome): boolean {
  return status === 'success'
}

/** What the way back takes from the inputs of the way there. */
const shared = new Set(['environment', 'config', 'kubeconfig', 'timeout'])
