import { expect, test } from '@jest/globals'
import { worstExitCode } from '../../../cli/exit.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'

const ended = (status: Outcome['status'], reason: Outcome['reason']): Outcome => ({
  step: 'health-check',
  service: 'api',
  environment: 'production',
  status,
  reason,
  summary: '',
  next: '',
  serving: '',
  cause: '',
  evidence: [],
  timings: [],
  durationMs: 0,
  startedAt: '',
  outputs: {},
})
const well = ended('success', 'done')
const ill = ended('failure', 'gate-failed')
const unknown = ended('inconclusive', 'gate-inconclusive')

test.each([
  [[well, well], 0],
  [[well, unknown], 3],
  [[unknown, ill, well], 1],
  [[unknown, ended('failure', 'tool-failed')], 4],
  [[ill, ended('failure', 'input-invalid')], 2],
  [[ill, ended('failure', 'bug')], 70],
])('of several environments the worst end counts: %#', (outcomes, code) => {
  expect(worstExitCode(outcomes)).toBe(code)
})
