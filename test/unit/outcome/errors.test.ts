import { expect, test } from '@jest/globals'
import { InputError, isExpected, ToolError } from '../../../shared/outcome/errors.ts'

test('a tool error never carries the password of a URL, wherever it stands', () => {
  const error = new ToolError('pg_dump postgres://runbook:hunter2@db:5432/api failed', {
    tool: 'pg_dump',
    hint: 'Look at the database.',
    stderr: 'could not connect to postgres://runbook:p%40ss@db/api',
  })
  expect(`${error.message} ${error.stderr}`).not.toMatch(/hunter2|p%40ss/)
  expect(error.message).toContain('postgres://runbook:***@db:5432/api')
})

test('messages and hints are one line', () => {
  const error = new InputError('first\nsecond', { hint: 'do\r\nthis' })
  expect([error.message, error.hint]).toEqual(['first second', 'do this'])
  expect([isExpected(error), isExpected(new TypeError('x'))]).toEqual([true, false])
})

test('what is accepted is said twice only when it is short', () => {
  expect(InputError.of('for', '2x', 'a duration like 90s').hint).toBe('Set for to a duration like 90s.')
  const ids = Array.from({ length: 28 }, (_, index) => `check-${index}`).join(', ')
  const { message, hint } = InputError.of('skip', 'nonsense', ids)
  expect(message).toBe(`skip is "nonsense"; accepted: ${ids}`)
  expect(hint).not.toContain('check-')
})
