import type { Outcome } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, targetFields, whole, type Fields, type Inputs } from '../step/inputs.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

export const logsFields = {
  ...commonFields,
  ...targetFields,
  lines: whole('How many lines of each instance.', 1, 10_000, { default: '100' }),
} satisfies Fields

/** The end of the service's own log. */
export function logs(
  environment: Environment,
  inputs: Inputs<typeof logsFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'logs', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const target = await ports.openTarget()
    const text = await target.logs(inputs.lines ?? 100)
    return {
      status: 'success',
      reason: 'done',
      summary: `The last lines of ${environment.service} in ${target.place}.`,
      evidence: [{ subject: environment.service, finding: 'says', tone: 'note', detail: text }],
    }
  })
}
