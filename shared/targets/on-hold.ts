import { OnHoldError } from '../outcome/errors.ts'
import { describeHold } from '../release/hold.ts'
import type { Hold } from '../release/ledger.ts'

/** The error for a run that wants to change an environment that is on hold. */
export function onHold(environment: string, hold: Hold): OnHoldError {
  return new OnHoldError(`${environment} is on hold by ${describeHold(hold)}`, {
    hint: `Nothing is changed until an operator ends the hold: runbook resume ${environment}`,
  })
}
