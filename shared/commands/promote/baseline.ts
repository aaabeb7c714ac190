import { isExpected, messageOf } from '../../outcome/errors.ts'
import type { Baseline } from '../../release/baseline.ts'
import type { Environment } from '../../config/environment.ts'
import { gatePorts } from '../verify/gate-ports.ts'
import type { TargetPorts } from '../step/ports.ts'

/** Samples the service that a release will take the place of. What keeps it from being sampled keeps no release back. */
export async function takeBaseline(
  environment: Environment,
  ports: TargetPorts,
): Promise<Baseline | undefined> {
  const { sampleBaseline } = await import('../../gate/baseline.ts')
  try {
    const baseline = await sampleBaseline(environment, gatePorts(ports, await ports.openTarget()))
    const over = Object.keys(baseline?.over ?? {})
    if (over.length > 0) ports.log.warn(`Over its threshold before the deploy already: ${over.join(', ')}.`)
    return baseline
  } catch (error) {
    ports.signal.throwIfAborted()
    if (!isExpected(error)) throw error
    ports.log.warn(`The service could not be sampled before the deploy: ${messageOf(error)}`)
    return undefined
  }
}
