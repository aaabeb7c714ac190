import { expect, test } from '@jest/globals'
import { excerpt } from '../../../shared/outcome/excerpt.ts'

test('a body is shown whole where it is short, and cut with a mark where it is not', () => {
  expect(excerpt('{"error":"relation \\"ordersx\\" does not exist"}\n')).toBe(
    '{"error":"relation \\"ordersx\\" does not exist"}',
  )
  const cut = excerpt('x'.repeat(5_000))
  expect(cut).toHaveLength(2_000)
  expect(cut.endsWith('...')).toBe(true)
})

test('control characters of a body reach no terminal', () => {
  expect(excerpt('a\u001b[31mred\u0007\r\nb\tc\u202ed')).toBe('ared\\u0007\nb\tc\\u202ed')
})

test('an empty body is said to be empty', () => {
  expect(excerpt(' \n')).toBe('(empty)')
})
