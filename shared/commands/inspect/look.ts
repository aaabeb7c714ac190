import { InputError, isExpected, messageOf } from '../../outcome/errors.ts'
import type { Evidence, Outcome } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import type { Target } from '../../targets/target.ts'
import { gatePorts } from '../verify/gate-ports.ts'
import { conclude, planGateOf, type HealthGateInputs } from '../verify/health-gate.ts'
import { inTime } from '../step/in-time.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

/** What a look takes of the gate's inputs. */
export type LookInputs = Omit<HealthGateInputs, 'warm-up'>

/** Judges what serves now as a gate would, but of no release: nothing is kept for it, and nothing written down. */
export function look(environment: Environment, inputs: LookInputs, ports: TargetPorts): Promise<Outcome> {
  const subject = { step: 'health-check', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'gate-inconclusive', async watch => {
    const { planFor, timeoutMs } = await planGateOf(environment, { ...inputs, 'warm-up': 0 })
    return inTime(ports, timeoutMs, async timed => {
      const { target, notes } = await findTarget(inputs.kubeconfig, timed)
      const { watch: watchService } = await import('../../gate/run.ts')
      const result = await watch.time('probes', () => watchService(planFor(), gatePorts(timed, target)))
      return conclude({ ...result, evidence: [...result.evidence, ...notes] })
    })
  })
}

/**
 * The target, if it can be asked and has the service. A schedule's runner has no way to the cluster, and a Docker engine of
 * its own on which nothing runs: what it cannot tell is left out then, and the service's own answers decide.
 * @throws InputError for a kubeconfig that was given and is of no use
 */
async function findTarget(
  kubeconfig: string,
  ports: TargetPorts,
): Promise<{ target: Target | undefined; notes: Evidence[] }> {
  const without = (why: string) => ({
    target: undefined,
    notes: [{ subject: 'workload', finding: `not looked at: ${why}`, tone: 'note' as const }],
  })
  try {
    const target = await ports.openTarget()
    const instances = await target.vitals()
    return instances.length > 0 ? { target, notes: [] } : without(`no instance is at ${target.place}`)
  } catch (error) {
    const isGiven = error instanceof InputError && kubeconfig !== ''
    if (ports.signal.aborted || isGiven || !isExpected(error)) throw error
    return without(messageOf(error))
  }
}
