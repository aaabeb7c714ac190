import type { Outcome } from '../../outcome/outcome.ts'
import { describeHold } from '../../release/hold.ts'
import { act, unsettled } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, targetFields, text, type Fields, type Inputs } from '../step/inputs.ts'
import { identify } from '../inspect/identify.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { holderOf } from '../step/held-lock.ts'

export const holdFields = {
  ...commonFields,
  ...targetFields,
  because: text('Why; each run that is kept away reports it.', 'one sentence', { required: true }),
} satisfies Fields

/**
 * Keeps everything of this suite away from an environment until `resume`. A run that works on it is stopped: its lease
 * is ended, fenced, so that none of its writes arrives any more once this has ended.
 */
export function hold(
  environment: Environment,
  { because }: Inputs<typeof holdFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'hold', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const { ledger, lease } = await target.read()
    if (ledger.hold) {
      return {
        status: 'skipped',
        reason: 'held',
        summary: `It is on hold already, by ${describeHold(ledger.hold)}`,
        next: `To end it: runbook resume ${environment.name}`,
      }
    }
    const at = new Date(ports.clock.now()).toISOString()
    const by = ports.run.title
    const ended = lease ? { ended: lease.holder.title } : {}
    const identified = await identify(ports)
    const stopped = await target.override(holderOf(ports), now =>
      act(now, { kind: 'hold', by, ...identified, because: ports.secrets.redact(because), at, ...ended }),
    )
    const open = unsettled(ledger)
    const whom = stopped ? ` ${stopped.holder.title} was stopped; it changes nothing any more.` : ''
    return {
      status: 'success',
      reason: 'done',
      summary: `${environment.name} is on hold: nothing changes it until an operator resumes.${whom}`,
      next: open
        ? `${open.version} (${open.id}) is unfinished (${open.state}) and stays so meanwhile. To go on: runbook resume ${environment.name}`
        : `To go on: runbook resume ${environment.name}`,
    }
  })
}
