import type { Outcome } from '../../shared/outcome/outcome.ts'
import type { Alarm } from '../action.ts'

/**
 * What a scheduled recovery has to report beside its outcome. A run that works needs no alarm, and a hold is an operator's own
 * decision. A recovery that failed is an error already.
 * @returns undefined when there is nothing to report
 */
export function recoveryAlarm({ status, reason, environment }: Outcome): Alarm | undefined {
  if (reason === 'held')
    return { level: 'warning', message: `${environment} is on hold, and a release is unfinished there.` }
  if (status !== 'success' || reason === 'nothing-to-settle') return undefined
  return {
    level: 'error',
    message: `A run ended and left ${environment} unfinished. That is over now: ${reason}. The lines before say what is live.`,
  }
}
