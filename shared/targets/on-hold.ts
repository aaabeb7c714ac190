import { OnHoldError } from '../outcome/errors.ts'
import { describeHold } from '../release/hold.ts'
import type { Hold } from '../release/ledger.ts'

/** What somebody is told who wants to change an environment that is on hold. */
export function onHold(environment: string, hold: Hold): OnHoldError {
  return new OnHoldError(`${environment} is on hold by ${describeHold(hold)}`, {
    hint: `Nothing is changed until somebody ends the hold: runbook resume ${environment}`,
  })
}
