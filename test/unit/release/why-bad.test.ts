import { expect, test } from '@jest/globals'
import { whyBad } from '../../../shared/release/why-bad.ts'

test.each([
  [{ state: 'intended' }, 'it never became ready'],
  [{ state: 'applied' }, 'it never became ready'],
  [{ state: 'ready' }, 'its job did not succeed'],
  [{ state: 'ready', gate: 'fail' }, 'its gate failed'],
  [{ state: 'ready', gate: 'inconclusive' }, 'its gate could not decide'],
  [{ state: 'ready', gate: 'pass', smoke: 'fail' }, 'its smoke test failed'],
  [{ state: 'ready', smoke: 'fail' }, 'its smoke test failed'],
  [{ state: 'ready', gate: 'pass' }, 'its job did not succeed, although its gate passed'],
  [
    { state: 'ready', gate: 'pass', smoke: 'pass' },
    'its job did not succeed, although its gate and smoke test passed',
  ],
] as const)('%j is bad since %s', (entry, because) => {
  expect(whyBad(entry)).toBe(because)
})
