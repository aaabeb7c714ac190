import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createSecrets } from '../../../shared/platform/secrets.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

function shown(value: string, text: string): string {
  const secrets = createSecrets()
  secrets.add(value)
  return secrets.redact(text)
}

test('a value is hidden as it is, line by line, in a URL, and in JSON', () => {
  const value = 'hun/ter"2\nsecond line'
  const lines = [
    'x=hun/ter"2;',
    'y=second line',
    'postgres://u:hun%2Fter%222@h',
    '{"p":"hun/ter\\"2\\nsecond line"}',
  ]
  for (const line of lines) {
    const text = shown(value, line)
    expect(text).toContain('***')
    expect(text).not.toMatch(/hun|second/)
  }
})

test('a value is hidden in base64, wherever in the encoded text it stands', () => {
  const secret = fc.string({ minLength: 8, maxLength: 60 }).filter(text => text.trim() === text)
  const around = fc.string({ maxLength: 7 })
  fc.assert(
    fc.property(secret, around, around, (value, before, after) => {
      const whole = base64(before + value + after)
      const text = shown(value, whole)
      // What is left is what stood around it, and the characters that both share.
      expect(text.replaceAll('***', '').length).toBeLessThanOrEqual(
        base64(before).length + base64(after).length + 4,
      )
    }),
  )
})

test('a long value is hidden in the lines that base64 breaks it into', () => {
  const value = 'x1Y2z3'.repeat(30)
  const wrapped = base64(`${value}\n`).replace(/.{76}/g, '$&\n')
  expect(shown(value, wrapped).replaceAll('***', '').trim().length).toBeLessThan(8)
})

test('what only looks like it is shown', () => {
  expect(shown('production', 'the product is well')).toBe('the product is well')
  expect(shown('abc', 'abc')).toBe('abc')
})
