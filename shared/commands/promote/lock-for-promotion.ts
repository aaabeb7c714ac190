import { messageOf } from '../../outcome/errors.ts'
import type { Outcome } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import { leaseHeld } from '../deploy/deploy-end.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { acquire } from '../step/held-lock.ts'

/**
 * Acquires the lock of the environment for all steps of a promotion, before the first of them: no other run deploys between
 * the checks, the backup and the deploy that rely on each other.
 * @param waitMs how long another run that holds the lock is waited for, milliseconds
 * @param ports with `kept`, where the lock is kept and renewed for the steps
 * @returns `failure` when another run still holds it; `skipped` when it could not be asked for, as in a namespace that is
 * missing or an environment on hold: the checks, which come next, say what is wrong there, and the deploy tries again
 */
export function lockForPromotion(
  environment: Environment,
  waitMs: number,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'lock', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'lease-held', async watch => {
    try {
      const held = await watch.time('lease', () => acquire(ports, 'work', waitMs))
      if ('held' in held) return leaseHeld(environment.name, held.held, ports.clock.now())
      await held.handOver()
      return { status: 'success', reason: 'done', summary: 'The environment is locked for this run.' }
    } catch (error) {
      ports.log.debug(`The environment could not be locked before the checks: ${String(error)}`)
      return { status: 'skipped', reason: 'done', summary: messageOf(error) }
    }
  })
}
