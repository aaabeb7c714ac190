import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { holds, operators, parseCondition, parseConditions } from '../../../shared/config/schema/condition.ts'

test('what stands last is the comparison', () => {
  expect(parseCondition('x', 'errors', ' sum(rate(a{b="<"}[1m])) > bool 3 <= 0.5 ')).toEqual({
    name: 'errors',
    expr: 'sum(rate(a{b="<"}[1m])) > bool 3',
    operator: '<=',
    limit: 0.5,
    where: 'x',
  })
  expect(parseCondition('x', 'share', 'used<85%')).toMatchObject({ expr: 'used', operator: '<', limit: 0.85 })
})

test('what is written is what is read', () => {
  const limits = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(fc.constantFrom(...operators), limits, (operator, limit) => {
      expect(parseCondition('x', 'a', `max(b) ${operator} ${limit}`)).toEqual({
        name: 'a',
        expr: 'max(b)',
        operator,
        limit: limit === 0 ? expect.closeTo(0) : limit,
        where: 'x',
      })
    }),
  )
})

test.each([
  ['max(lag)', 'queries:1 is "max(lag)"; accepted: an expression, one of < <= > >=, and a number'],
  ['max(lag) < many', 'queries:1 is "max(lag) < many"'],
  ['max(lag) == 3', 'accepted: an expression'],
  ['< 3', 'accepted: an expression'],
  ['max(lag < 3', '( has no partner'],
  ['lag} < 3', '} has no partner'],
  ['lag{a="} < 3', '" has no partner'],
])('%s is refused, with what is accepted', (text, message) => {
  expect(() => parseCondition('queries:1', 'lag', text)).toThrow(message)
})

test('lines are read with their names, and told by their number', () => {
  const text = '\n# of the release\nlag: max(lag) < 0.2\n  up-all: min(up{a="b:c"}) >= 1\n'
  expect(parseConditions('queries', text).map(({ name, expr }) => [name, expr])).toEqual([
    ['lag', 'max(lag)'],
    ['up-all', 'min(up{a="b:c"})'],
  ])
  expect(() => parseConditions('queries', 'lag: a < 1\nmax(b) < 2')).toThrow(
    'queries:2 is "max(b) < 2"; accepted: NAME:',
  )
  expect(() => parseConditions('queries', 'Lag Time: a < 1')).toThrow('queries:1: the name is "Lag Time"')
  expect(() => parseConditions('queries', 'a: a < 1\na: b < 1')).toThrow(
    'queries:2: the name is "a"; accepted: each name once',
  )
})

test('holds says what the operators say', () => {
  const all = operators.map(operator => [0, 1, 2].map(value => holds({ operator, limit: 1 }, value)))
  expect(all).toEqual([
    [true, true, false],
    [false, true, true],
    [true, false, false],
    [false, false, true],
  ])
})
