import type { Outcome } from '../outcome/outcome.ts'
import { act, unsettled } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import { commonFields, targetFields, text, type Fields, type Inputs } from './inputs.ts'
import type { TargetPorts } from './ports.ts'
import { runStep } from './step.ts'
import { describeHolder, holderOf } from './tenure.ts'

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
    const { ledger, lease } = await target.read()
    if (!lease)
      return { status: 'success', reason: 'done', summary: 'Nobody holds the lease; nothing was changed.' }
    const at = new Date(ports.clock.now()).toISOString()
    const ended = lease.holder.title
    await target.override(holderOf(ports), now =>
      act(now, { kind: 'unlock', by: ports.run.title, because, at, ended }),
    )
    const open = unsettled(ledger)
    return {
      status: 'success',
      reason: 'done',
      summary: `The lease is free. It was held by ${describeHolder(lease, ports.clock.now())}.`,
      next:
        open || ledger.restoring
          ? `What that run left is unfinished. Settle it now: runbook settle ${environment.name}`
          : '',
    }
  })
}
