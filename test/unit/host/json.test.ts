import { expect, test } from '@jest/globals'
import { parseExactJson, showJson, valueAt } from '../../../shared/host/json.ts'

test('no integer of an answer is rounded', () => {
  const text =
    '{"id":1234567890123456789,"small":12,"low":-9007199254740993,"list":[9007199254740991],"text":"9"}'
  expect(parseExactJson(text)).toEqual({
    id: 1_234_567_890_123_456_789n,
    small: 12,
    low: -9_007_199_254_740_993n,
    list: [Number.MAX_SAFE_INTEGER],
    text: '9',
  })
  expect(showJson(parseExactJson(text))).toBe(text)
  expect(parseExactJson('[1e300, 0.5]')).toEqual([1e300, 0.5])
  expect(parseExactJson('\ufeff[1]')).toEqual([1])
  expect(() => parseExactJson('{')).toThrow(SyntaxError)
})

test('a value is found by its path', () => {
  const document = { a: { b: [{ c: 1 }] }, 'd.e': 2, toString: undefined }
  expect(
    ['a.b[0].c', 'a.b.0.c', 'd.e', 'a.x', 'constructor', 'a.b.length'].map(path => valueAt(document, path)),
  ).toEqual([1, 1, 2, undefined, undefined, 1])
  expect(valueAt([{ id: 7 }], '[0].id')).toBe(7)
})
