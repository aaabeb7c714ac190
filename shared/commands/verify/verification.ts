import type { Environment } from '../../config/environment.ts'
import { showDuration } from '../../config/values.ts'
import { planGateOf, type HealthGateInputs } from './health-gate.ts'
import type { Ports } from '../step/ports.ts'
import { overridesOf, type SmokeTestInputs } from './smoke-test.ts'

/**
 * Plans the gate and the smoke test as the runbook has them, so that what is wrong with them is known before a release is
 * applied. Nothing is sent.
 * @returns what would be done, one line; empty when the runbook names no url
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export async function planVerification(environment: Environment): Promise<string> {
  if (environment.url === '') return ''
  const [{ planOwnGate }, { planSmoke }] = await Promise.all([
    import('../../gate/baseline.ts'),
    import('../../smoke/run.ts'),
  ])
  const { rounds, forMs, endpoints } = planOwnGate(environment)
  const { suite, limits } = planSmoke(environment)
  const paths = endpoints.map(({ path }) => path).join(' and ')
  return (
    `${rounds} probes of ${paths} in ${showDuration(forMs)}; ` +
    `${suite.requests.length} requests of ${suite.name}, and a load of ${limits.requests}`
  )
}

/**
 * Plans what a run does after it has deployed, in one process: with all that it was told, and with the secrets that the
 * suite needs, so that nothing that could be known before makes a release go back again.
 * @throws InputError that names the input, key or variable, and what is accepted
 */
export async function requireVerifiable(
  environment: Environment,
  { gate, smoke }: { gate: HealthGateInputs; smoke: SmokeTestInputs },
  ports: Ports,
): Promise<void> {
  await planGateOf(environment, gate)
  const { planSmoke, readVariables } = await import('../../smoke/run.ts')
  readVariables(planSmoke(environment, overridesOf(smoke)).suite, ports)
}
