import type { Outcome } from '../../outcome/outcome.ts'
import { describeHold } from '../../release/hold.ts'
import { act, unsettled } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, targetFields, text, type Fields, type Inputs } from '../step/inputs.ts'
import { identify } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { holderOf } from '../step/held-lock.ts'

export const resumeFields = {
  ...commonFields,
  ...targetFields,
  because: text('What was done meanwhile, for the history.', 'one sentence'),
} satisfies Fields

/** Ends a hold. What was unfinished is not settled by this: it says how. */
export function resume(
  environment: Environment,
  { because }: Inputs<typeof resumeFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'resume', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const { ledger } = await target.read()
    if (!ledger.hold)
      return { status: 'success', reason: 'done', summary: 'It is not on hold; nothing was changed.' }
    const at = new Date(ports.clock.now()).toISOString()
    const by = ports.run.title
    const identified = await identify(ports)
    await target.override(holderOf(ports), now =>
      now.hold
        ? act(now, { kind: 'resume', by, ...identified, because: ports.secrets.redact(because), at })
        : now,
    )
    const open = unsettled(ledger)
    const left = open
      ? `${open.version} (${open.id}) is unfinished (${open.state})`
      : ledger.restoring && `bringing ${ledger.serving} back is unfinished`
    return {
      status: 'success',
      reason: 'done',
      summary: `${environment.name} is no longer on hold. It was, by ${describeHold(ledger.hold)}`,
      next: left ? `${left}. Settle it now: runbook settle ${environment.name}` : '',
    }
  })
}
