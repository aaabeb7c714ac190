import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import type { Ports } from './ports.ts'

/**
 * Plans the gate and the smoke test as the runbook has them, so that what is wrong with them is known before a release is
 * applied. Nothing is sent.
 * @returns what would be done, one line; empty when the runbook names no url
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export async function planVerification(environment: Environment): Promise<string> {
  if (environment.url === '') return ''
  const [{ planOwnGate }, { planSmoke }] = await Promise.all([
    import('../gate/baseline.ts'),
    import('../smoke/run.ts'),
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
 * Asks for what the smoke suite takes from the environment: for a run that deploys and then sends it in one process, so
 * that a secret that is not set is known before a release is applied.
 * @throws InputError that names the variable, and where the suite needs it
 */
export async function requireVariables(environment: Environment, ports: Ports): Promise<void> {
  if (environment.url === '') return
  const { planSmoke, readVariables } = await import('../smoke/run.ts')
  readVariables(planSmoke(environment).suite, ports)
}
