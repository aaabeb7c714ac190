import type { Evidence } from '../outcome/outcome.ts'
import type { Environment } from '../runbook/environment.ts'
import type { Ports } from './ports.ts'

/** Whether a release that was brought back, or found unfinished, is well. */
export interface Verified {
  /** `unverified`: nothing could be measured, which is never taken for a pass. */
  verdict: 'healthy' | 'unhealthy' | 'unverified'
  evidence: Evidence[]
}

/** Gates what serves now, as `health-gate` would. */
export async function verify(environment: Environment, ports: Ports): Promise<Verified> {
  if (!environment.url) {
    const finding = 'the runbook names no url for this environment, so nothing was probed'
    return { verdict: 'unverified', evidence: [{ subject: 'gate', finding, tone: 'warn' }] }
  }
  const { runGate } = await import('../gate/run.ts')
  const { verdict, evidence } = await runGate(environment, ports)
  const words = { pass: 'healthy', fail: 'unhealthy', inconclusive: 'unverified' } as const
  return { verdict: words[verdict], evidence }
}
