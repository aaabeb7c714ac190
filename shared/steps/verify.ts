import { isExpected, messageOf } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import type { Baseline } from '../release/baseline.ts'
import type { Environment } from '../runbook/environment.ts'
import type { Target } from '../targets/target.ts'
import { gatePorts } from './gate-ports.ts'
import type { Ports } from './ports.ts'

/** Whether a release that was brought back, or found unfinished, is well. */
export interface Verified {
  /** `unverified`: it could not be measured, which is never taken for a pass. */
  verdict: 'healthy' | 'unhealthy' | 'unverified'
  evidence: Evidence[]
}

/**
 * Gates what serves now, as `health-gate` would; then, when it is well, sends the environment's own smoke suite. No load
 * is sent: a service that has just come back has enough to do.
 * @param baseline how the service was before the release whose place was taken, or that was left unfinished
 */
export async function verify(
  environment: Environment,
  ports: Ports,
  target: Target,
  baseline: Baseline | undefined,
): Promise<Verified> {
  if (!environment.url) {
    const finding = 'the runbook names no url for this environment, so nothing was probed'
    return { verdict: 'unverified', evidence: [{ subject: 'gate', finding, tone: 'warn' }] }
  }
  const gated = await orUnverified('gate', ports, () => gate(environment, ports, target, baseline))
  if (gated.verdict !== 'healthy' || environment.smoke.suite === '') return gated
  const smoked = await orUnverified('smoke test', ports, () => smoke(environment, ports))
  return { verdict: smoked.verdict, evidence: [...gated.evidence, ...smoked.evidence] }
}

async function gate(
  environment: Environment,
  ports: Ports,
  target: Target,
  baseline: Baseline | undefined,
): Promise<Verified> {
  const { runGate } = await import('../gate/run.ts')
  const { verdict, evidence } = await runGate(environment, gatePorts(ports, target), baseline)
  const words = { pass: 'healthy', fail: 'unhealthy', inconclusive: 'unverified' } as const
  return { verdict: words[verdict], evidence }
}

async function smoke(environment: Environment, ports: Ports): Promise<Verified> {
  const { runSmoke } = await import('../smoke/run.ts')
  const { failed, evidence } = await runSmoke(environment, ports, { requests: 0 })
  return { verdict: failed === 0 ? 'healthy' : 'unhealthy', evidence }
}

/** What keeps a measurement from being made says nothing about the release; it is told as evidence. */
async function orUnverified(subject: string, ports: Ports, work: () => Promise<Verified>): Promise<Verified> {
  try {
    return await work()
  } catch (error) {
    ports.signal.throwIfAborted()
    const finding = `could not be made: ${messageOf(error)}`
    if (isExpected(error))
      return {
        verdict: 'unverified',
        evidence: [{ subject, finding: `${finding} ${error.hint}`, tone: 'warn' }],
      }
    // A bug here must not hide what serves, which is known.
    const detail = error instanceof Error ? (error.stack ?? '') : ''
    const bug = { subject, finding, next: 'Report this with the stack.', detail, tone: 'bad' } as const
    return { verdict: 'unverified', evidence: [bug] }
  }
}
