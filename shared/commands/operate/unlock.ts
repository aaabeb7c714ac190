import type { Outcome } from '../../outcome/outcome.ts'
import type { Lease } from '../../release/lease.ts'
import { act, unsettled } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, targetFields, text, type Fields, type Inputs } from '../step/inputs.ts'
import { identify } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { describeHolder, holderOf } from '../step/held-lock.ts'

export const unlockFields = {
  ...commonFields,
  ...targetFields,
  because: text('Why the run that holds it is not waited for.', 'one sentence', { required: true }),
} satisfies Fields

/** Takes the lease away from a run that is stuck or gone, fenced, before its deadline. */
export function unlock(
  environment: Environment,
  { because }: Inputs<typeof unlockFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'unlock', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    const lease = await takeLockAway(environment, because, ports)
    if (!lease)
      return {
        status: 'success',
        reason: 'done',
        summary: 'No run holds the environment; nothing was changed.',
      }
    const open = unsettled(ledger)
    return {
      status: 'success',
      reason: 'done',
      summary: `The environment is unlocked. It was locked by ${describeHolder(lease, ports.clock.now())}.`,
      next:
        open || ledger.restoring
          ? `What that run left is unfinished. Finish it now: runbook settle ${environment.name}`
          : '',
    }
  })
}

/**
 * Ends the lease of another run, fenced, and writes down who did it and why. Nothing is written where the environment is
 * not locked.
 * @returns the lease that was ended
 */
export async function takeLockAway(
  { name }: Environment,
  because: string,
  ports: TargetPorts,
): Promise<Lease | undefined> {
  const target = await ports.openTarget()
  const { lease } = await target.read()
  if (!lease) return undefined
  const { title: by } = ports.run
  const identified = await identify(ports)
  const at = new Date(ports.clock.now()).toISOString()
  const ended = lease.holder.title
  ports.log.warn(`Taking the lock of ${name} away from ${describeHolder(lease, ports.clock.now())}.`)
  await target.override(holderOf(ports), now =>
    act(now, { kind: 'unlock', by, ...identified, because: ports.secrets.redact(because), at, ended }),
  )
  return lease
}

/** How an operator need not wait for a lease, and when that is safe. */
export function unlockAdvice(environment: string, { ended, holder }: Lease): string {
  const look = holder.url === '' ? '' : ` (${holder.url})`
  const when = ended
    ? 'Its process has ended: the next deploy, rollback or settle from this machine takes over without it.'
    : `When that run${look} is dead or stuck, its lock can be taken away, which is safe then: nothing that it still sends arrives. A run that still works is stopped by it, with its release unfinished.`
  return `${when} runbook rollback ${environment} --unlock does that and rolls back; runbook unlock ${environment} --because "WHY" does only that.`
}
