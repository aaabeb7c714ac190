import { expect, test } from '@jest/globals'
import { caveatOf } from '../../../shared/commands/promote/finish.ts'

test.each([
  [{}, ' (ungated: no health gate ran in this job)'],
  [{ gate: 'fail', smoke: 'pass' }, ' (its gate ended with fail, and the job went on)'],
  [{ gate: 'inconclusive' }, ' (its gate ended with inconclusive, and the job went on)'],
  [{ gate: 'pass', smoke: 'fail' }, ' (its smoke test failed, and the job went on)'],
  [{ gate: 'pass', smoke: 'pass' }, ''],
  [{ gate: 'pass' }, ''],
] as const)('a release that is recorded good with %j has the caveat: %s', (entry, caveat) => {
  expect(caveatOf(entry)).toBe(caveat)
})
