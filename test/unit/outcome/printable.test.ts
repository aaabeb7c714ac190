import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { oneLine, printable, printableJson, printableLine } from '../../../shared/outcome/printable.ts'
import { commandsIn, parseCommand } from '../host/runner-parser.ts'

/** Text that looks for a way around: pieces of commands, what a runner trims or passes over, and anything else. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        ...['::', ':', '##[', '##', '#', '[', ']', 'stop-commands', 'Add-Mask', 'set-output name=x', 'token'],
        ...[
          '\n',
          '\r',
          '\r\n',
          ' ',
          '\t',
          '\u0085',
          '\u00a0',
          '\u2028',
          '\u2029',
          '\v',
          '\f',
          '\u3000',
          '  ',
        ],
        ...['\u200b', '\u00ad', '\u0000', '\u001b[0m', '\u001b[31', '\u0007', '\u202e', '\ufeff', '\ud800'],
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 14 },
  )
  .map(parts => parts.join(''))

test('the port of the runner takes what the runner takes', () => {
  expect(parseCommand('\u0085 ::Stop-Commands::x', 'ordinal')).toEqual({ name: 'stop-commands', data: 'x' })
  expect(parseCommand('GET / 200 ##[stop-commands]x', 'ordinal')).toEqual({
    name: 'stop-commands',
    data: 'x',
  })
  expect(parseCommand('::set-output name=a::b', 'ordinal')).toEqual({ name: 'set-output', data: 'b' })
  expect(parseCommand('a ::stop-commands::x', 'ordinal')).toBeUndefined()
  expect(parseCommand('\u00ad::warning :\u00ad:x', 'cultural')).toBeUndefined()
  expect(commandsIn('a\r::debug::x\n##[group]')).toHaveLength(4)
})

test('no line of printable text is a workflow command, whatever was written, and wherever it stands', () => {
  fc.assert(
    fc.property(hostile, fc.constantFrom('', '  ', '! ', 'x ', 'web-1 | '), (text, prefix) => {
      expect(commandsIn(prefix + printable(text))).toEqual([])
      expect(commandsIn(prefix + printableLine(text))).toEqual([])
      expect(commandsIn(printableJson({ [text]: [text] }, 2))).toEqual([])
    }),
    { numRuns: 2_000 },
  )
})

test('printable text has no character that a terminal obeys or that hides others, and stays as it is', () => {
  fc.assert(
    fc.property(hostile, text => {
      const shown = printable(text)
      expect(shown).not.toMatch(
        /[^\P{C}\n\t\u00ad\u0600-\u0605\u200b-\u200d\u2060-\u2065\p{Cn}\p{Co}\p{Cf}]/u,
      )
      expect(shown).not.toMatch(/[\u001b\u0007\r\u0085\u2028\u2029\u202e\u2066]/)
      expect(printable(shown)).toBe(shown)
      expect(printableLine(text)).not.toMatch(/[\n\r]/)
    }),
  )
})

test('JSON is read back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), hostile, (value, text) => {
      const whole = { value, [text]: text }
      expect(JSON.parse(printableJson(whole, 0))).toEqual(JSON.parse(JSON.stringify(whole)))
    }),
  )
})

test('what is harmless is shown as it is written', () => {
  const text = 'GET /health: 503 in 12 ms\n\t일본 ❌ naïve #[test] a:b'
  expect(printable(text)).toBe(text)
  expect(printable('\u001b[1;31mred\u001b[0m\r\n50%\r100%\u001b]0;title\u0007')).toBe(
    'red\n50%\n100%\\u001b]0;title\\u0007',
  )
  expect(printableLine('a \n\n  b\r\n')).toBe('a b')
  expect(oneLine('one')).toBe('one')
})
