import { expect, test } from '@jest/globals'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { preDeployCheckFields } from '../../../shared/commands/check/pre-deploy-check.ts'

const read = (said: Record<string, string>) =>
  parseInputs(preDeployCheckFields, name => ({ environment: 'production', ...said })[name] ?? '')

test('a reason belongs to checks that are named', () => {
  expect(read({ skip: 'redis, ci: moved on Friday\n\nreview' }).skip).toEqual([
    { id: 'redis', reason: 'moved on Friday' },
    { id: 'ci', reason: 'moved on Friday' },
    { id: 'review', reason: '' },
  ])
  expect(() => read({ accept: ': incident 4711' })).toThrow(
    'accept is ": incident 4711"; accepted: a line for each',
  )
})
