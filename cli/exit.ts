import { InputError } from '../shared/outcome/errors.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'

/** Exit codes of the command: 0 success, 1 failure, 2 input error, 3 inconclusive, 4 tool error, 70 bug. */
export function exitCode(end: Outcome | Error): number {
  if (end instanceof Error) return end instanceof InputError ? 2 : 4
  if (end.status === 'inconclusive') return 3
  if (end.status !== 'failure') return 0
  const codes: Partial<Record<Outcome['reason'], number>> = {
    'input-invalid': 2,
    'tool-failed': 4,
    'target-unreachable': 4,
    bug: 70,
  }
  return codes[end.reason] ?? 1
}

/** Of several, what has to be looked at first: a bug, a wrong input, a failure, a tool, what could not be measured. */
export function worstExitCode(outcomes: Outcome[]): number {
  const codes = outcomes.map(exitCode)
  return [70, 2, 1, 4, 3].find(code => codes.includes(code)) ?? 0
}
