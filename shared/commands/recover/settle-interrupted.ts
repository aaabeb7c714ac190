import type { Interruption } from '../../outcome/interruption.ts'
import type { Outcome } from '../../outcome/outcome.ts'
import type { Environment } from '../../config/environment.ts'
import { parseInputs } from '../step/inputs.ts'
import type { TargetPorts } from '../step/ports.ts'
import { settle, settleFields } from './settle.ts'

/**
 * The runner of GitHub kills the job 15 seconds before the 5 minutes are over that GitHub gives it after it was cancelled
 * (actions/runner, JobDispatcher.cs). The main step has had 10 seconds of them; some are left for reports. Milliseconds.
 */
const afterCancelMs = 240_000

/**
 * Finishes or undoes what a promotion left whose process was cancelled or killed. What this has not the time for is
 * finished by the recovery job, or by the next run.
 * @param read gives the text of an input of the promotion
 */
export async function settleInterrupted(
  environment: Environment,
  read: (name: string) => string,
  interruption: Interruption,
  ports: TargetPorts,
): Promise<Outcome> {
  const inputs = parseInputs(settleFields, name => (name === 'database-url' ? '' : read(name)))
  const timeout = interruption === 'cancelled' ? Math.min(inputs.timeout, afterCancelMs) : inputs.timeout
  ports.log.info(
    `The main step of this action was ${interruption} before its end: what it left unfinished is finished or undone now.`,
  )
  const outcome = await settle(environment, { ...inputs, timeout }, ports, `its run was ${interruption}`)
  return outcome.reason === 'history-missing' ? beforeFirstRelease(outcome) : outcome
}

/** The same step looked at the same place before: without a history there, its first release was ended before it was recorded. */
function beforeFirstRelease(outcome: Outcome): Outcome {
  return {
    ...outcome,
    status: 'success',
    reason: 'nothing-to-settle',
    summary: 'The first release was ended before it changed anything.',
    next: '',
  }
}
