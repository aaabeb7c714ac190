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

test.each([
  ['postgres://u:p@ss:w@rd@db:5432/api?x=a@b failed', 'postgres://u:***@db:5432/api?x=a@b failed'],
  ['redis://:se/cret@cache:6379', 'redis://:***@cache:6379'],
  ['a redis://:one@a:1 and redis://:two@b:2', 'a redis://:***@a:1 and redis://:***@b:2'],
])('of %s is shown %s', (text, shown) => {
  expect(new ToolError(text, { tool: 'x', hint: '' }).message).toBe(shown)
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
