import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { quote } from '../../../shared/outcome/errors.ts'
import { printable } from '../../../shared/outcome/printable.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

function shown(value: string, text: string): string {
  const secrets = createSecrets()
  secrets.add(value)
  return secrets.redact(text)
}

test('a value is hidden as it is, line by line, in a URL, and in JSON', () => {
  const value = 'hun/7er"2xQ9\nsecond-9x81Qz line'
  const lines = [
    'x=hun/7er"2xQ9;',
    'y=second-9x81Qz line',
    'postgres://u:hun%2F7er%222xQ9%0Asecond-9x81Qz+line@h',
    '{"p":"hun/7er\\"2xQ9\\nsecond-9x81Qz line"}',
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

const hexOf = (text: string) => Buffer.from(text).toString('hex')
const perByte = (text: string, show: (byte: number) => string) => Array.from(Buffer.from(text), show).join('')
const perUnit = (text: string, show: (code: number) => string) =>
  Array.from({ length: text.length }, (_, at) => show(text.charCodeAt(at))).join('')
const two = (code: number) => code.toString(16).padStart(2, '0')
const json = (text: string) => JSON.stringify(text).slice(1, -1)

/** How programs write a value. */
const forms: Record<string, (value: string) => string> = {
  'as it is': value => value,
  'in JSON': json,
  'in JSON as PHP writes it': value => json(value).replaceAll('/', '\\/'),
  'in JSON as Go writes it': value =>
    json(value).replace(/[&<>]/g, sign => `\\u${two(sign.charCodeAt(0)).padStart(4, '0')}`),
  'in JSON, every character escaped': value =>
    perUnit(value, code => `\\u${code.toString(16).padStart(4, '0')}`),
  'in JSON in JSON': value => json(json(value)),
  'in a URL': encodeURIComponent,
  'in a URL, small letters': value => encodeURIComponent(value).replace(/%../g, each => each.toLowerCase()),
  'in a form': value => new URLSearchParams({ v: value }).toString().slice(2),
  'in a URL in a URL': value => encodeURIComponent(encodeURIComponent(value)),
  'in JSON in a URL': value => encodeURIComponent(json(value)),
  'every byte escaped in a URL': value => perByte(value, byte => `%${two(byte)}`),
  'in HTML': value =>
    value.replace(/[&<>"'\/]/g, sign =>
      sign === '&' ? '&amp;' : sign === '<' ? '&lt;' : sign === '>' ? '&gt;' : `&#${sign.charCodeAt(0)};`,
    ),
  'in HTML, hexadecimal': value =>
    Array.from(value, sign => `&#x${(sign.codePointAt(0) ?? 0).toString(16)};`).join(''),
  'in hexadecimal digits': hexOf,
  'in capital hexadecimal digits': value => hexOf(value).toUpperCase(),
  'in a dump': value => perByte(value, byte => `${two(byte)} `),
  'in a dump with colons': value => perByte(value, byte => `${two(byte).toUpperCase()}:`),
  'in C': value => perByte(value, byte => `\\x${two(byte)}`),
  'in octal digits': value => perByte(value, byte => `\\${byte.toString(8).padStart(3, '0')}`),
  'in base64 twice': value => base64(base64(value)),
  'with colours between': value => Array.from(value).join('\u001b[1;31m'),
  'as this suite prints it': value => printable(value),
  'as this suite quotes it': value => quote(value.slice(0, 60)),
}

const canary = fc
  .array(
    fc.oneof(
      fc.constantFrom(...Array.from('/+&<>"\'%\\ =:;#[]é漢😀')),
      fc.constantFrom(...Array.from('abcXYZ0189-_.')),
    ),
    {
      minLength: 12,
      maxLength: 40,
    },
  )
  .map(parts => parts.join(''))
  .filter(value => value.trim() === value && !/\s\s/.test(value) && !value.includes('...'))

test.each(Object.entries(forms))('a value is hidden %s', (name, form) => {
  fc.assert(
    fc.property(canary, value => {
      const text = shown(value, `password = ${form(value)} ; ready`)
      if (name === 'in base64 twice') expect(text).toMatch(/^password = .{0,8}\*\*\*.{0,16} ; ready$/)
      else expect(text).toMatch(/^password = ?"?\*\*\*[: "]*; ready$/)
    }),
    { numRuns: 60 },
  )
})

test('what is hidden in one form leaves what stands around it', () => {
  expect(shown('hun/ter2', 'a%20b hun%2fter2 c%20d')).toBe('a%20b *** c%20d')
  expect(shown('hun/ter2', '{"x":"\\"hun\\/ter2\\""}')).toBe('{"x":"\\"***\\""}')
})

test('a value that holds an escape itself is hidden where decoding would go further than it was encoded', () => {
  for (const value of [`-%\\%99Zc b-'9`, '-\\%c8 Zc90ab\\n1']) {
    expect(shown(value, `password = ${encodeURIComponent(json(value))} ; ready`)).toBe(
      'password = *** ; ready',
    )
    expect(shown(value, `password = ${json(value)} ; ready`)).toBe('password = *** ; ready')
  }
})
