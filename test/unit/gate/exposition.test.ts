import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseExposition } from '../../../shared/gate/probes/exposition.ts'
import { measure } from '../../../shared/gate/probes/metrics.ts'
import { parseCondition } from '../../../shared/config/schema/condition.ts'

const whole = `# HELP runbook_memory_used_ratio Memory used of what may be used.
# TYPE runbook_memory_used_ratio gauge
runbook_memory_used_ratio{of="container limit"} 0.612
# a comment of no family

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1",route="/a \\"b\\" \\\\ \\n"} 3
http_request_duration_seconds_bucket{le="+Inf",route="x",} 4 1395066363000
http_request_duration_seconds_sum 1.5e-3
odd NaN
up{ instance = "a" , job="b" } +Inf
`

const read = (text: string) => {
  const found = parseExposition(text)
  if ('why' in found) throw new Error(`${found.line}: ${found.why}`)
  return found
}

describe('the text format', () => {
  test('is read with labels, escapes, timestamps and every kind of number', () => {
    const { series, types } = read(whole)
    expect(series).toEqual([
      { name: 'runbook_memory_used_ratio', labels: { of: 'container limit' }, value: 0.612, at: undefined },
      {
        name: 'http_request_duration_seconds_bucket',
        labels: { le: '0.1', route: '/a "b" \\ \n' },
        value: 3,
        at: undefined,
      },
      {
        name: 'http_request_duration_seconds_bucket',
        labels: { le: '+Inf', route: 'x' },
        value: 4,
        at: 1_395_066_363_000,
      },
      { name: 'http_request_duration_seconds_sum', labels: {}, value: 0.0015, at: undefined },
      { name: 'odd', labels: {}, value: NaN, at: undefined },
      { name: 'up', labels: { instance: 'a', job: 'b' }, value: Infinity, at: undefined },
    ])
    expect([...types]).toEqual([
      ['runbook_memory_used_ratio', 'gauge'],
      ['http_request_duration_seconds', 'histogram'],
    ])
  })

  test.each([
    ['', 1, 'nothing is there'],
    ['a 1', 1, 'ends in the middle of a line'],
    ['a 1\n{"json": true}\n', 2, "accepted: a metric's name at the beginning"],
    ['a\n', 1, 'the value of a is nothing'],
    ['a one\n', 1, 'the value of a is "one"'],
    ['a 0x1F\n', 1, 'the value of a is "0x1F"'],
    ['a 1 now\n', 1, 'the timestamp of a is "now"'],
    ['a 1 2 3\n', 1, '"3" after the timestamp'],
    ['a{b="c} 1\n', 1, 'the value of the label b'],
    ['a{b="\\t"} 1\n', 1, 'the value of the label b'],
    ['a{1b="c"} 1\n', 1, 'among the labels'],
    ['a{b="c" d="e"} 1\n', 1, 'after the label b'],
    ['a{b="c",b="d"} 1\n', 1, 'the label b is there twice'],
    ['a 1\na 2\n', 2, 'a is there twice with the same labels'],
    ['a{b="c",d="e"} 1\na{d="e",b="c"} 2\n', 2, 'a is there twice'],
    ['# TYPE a rate\n', 1, 'the type of a is "rate"; accepted: counter, gauge'],
    ['# TYPE a gauge\n# TYPE a gauge\n', 2, 'a second TYPE of a'],
    ['a 1\n# TYPE a gauge\n', 2, 'comes after its samples'],
    ['# HELP 1a x\n', 1, '"1a" after HELP'],
    ['# HELP a x\n# HELP a y\n', 2, 'a second HELP of a'],
  ])('%j is refused in line %p', (text, line, why) => {
    expect(parseExposition(text)).toEqual({ line, why: expect.stringContaining(why) })
  })

  test('whatever is written comes back as it was', () => {
    const name = fc.stringMatching(/^[a-z_:][a-z0-9_:]{0,8}$/)
    const labels = fc.dictionary(
      fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/),
      fc.string({ unit: 'grapheme' }),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    )
    const escaped = (value: string) =>
      value.replace(/[\\"\n]/g, sign => (sign === '\n' ? '\\n' : `\\${sign}`))
    fc.assert(
      fc.property(name, labels, fc.double(), (metric, given, value) => {
        fc.pre(!Object.values(given).some(each => /[\r\u2028\u2029]/.test(each)))
        const pairs = Object.entries(given).map(([key, each]) => `${key}="${escaped(each)}"`)
        const number = value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value)
        const { series } = read(`${metric}{${pairs.join(',')}} ${number}\n`)
        expect(series).toEqual([
          { name: metric, labels: given, value: value === 0 ? expect.closeTo(0) : value, at: undefined },
        ])
      }),
    )
  })

  test('whatever comes, it ends, and says where', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => {
        const found = parseExposition(text)
        if ('why' in found) expect(found.line).toBeLessThanOrEqual(text.split('\n').length)
      }),
    )
  })
})

describe('a condition', () => {
  const now = 1_395_066_363_000
  const against = (condition: string, text = whole) =>
    measure(parseCondition('', 'x', condition), read(text), now)

  test('is held against its series', () => {
    expect(against('runbook_memory_used_ratio < 0.85')).toEqual({ value: 0.612, of: '' })
    expect(against('up{job="b"} >= 1')).toEqual({ value: Infinity, of: '' })
  })

  test('of several series, against the worst, which is named', () => {
    const text = 'lag{q="0.5"} 1\nlag{q="0.99"} 7\nlag{q="1"} 3\n'
    expect(against('lag < 5', text)).toEqual({ value: 7, of: 'q="0.99"' })
    expect(against('lag > 2', text)).toEqual({ value: 1, of: 'q="0.5"' })
  })

  test.each([
    ['missing < 1', 'has no missing'],
    ['up{job="c"} < 1', 'has no up{job="c"}'],
    ['odd < 1', 'odd is NaN'],
    ['http_request_duration_seconds_bucket < 1', 'only ever grows (histogram): ask Prometheus'],
  ])('%s measures nothing', (condition, why) => {
    expect(against(condition)).toEqual({ gap: expect.stringContaining(why) })
  })

  test('of a value that is old measures nothing', () => {
    expect(against('a < 1', `a 0 ${now - 61_000}\n`)).toEqual({ gap: 'a is 61 s old' })
    expect(against('a < 1', `a 0 ${now - 59_000}\n`)).toEqual({ value: 0, of: '' })
  })
})
