import { describe, expect, test } from '@jest/globals'
import type { HttpAnswer } from '../../../shared/integrations/http/http.ts'
import { unmet } from '../../../shared/smoke/expectation.ts'
import type { Expectation } from '../../../shared/smoke/suite.ts'

const body = { status: 'ok', count: 3, users: [{ id: 7 }], none: null }
const answer: HttpAnswer = {
  url: 'http://x/',
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
  truncated: false,
  bytes: Buffer.from(JSON.stringify(body)),
  timings: { dns: 0, connect: 0, tls: 0, firstByte: 0, total: 20 },
}
const missed = (expected: Partial<Expectation>, changed: Partial<HttpAnswer> = {}) =>
  unmet({ statuses: [200], latencyMs: undefined, ...expected }, { ...answer, ...changed })

test('an answer that is what it has to be', () => {
  const json = {
    status: 'ok',
    'users[0].id': { type: 'number', above: 6, below: 8 },
    count: 3,
    none: null,
    gone: { exists: false },
    users: { type: 'array' },
  } as const
  expect(
    missed({ latencyMs: 20, headers: { 'Content-Type': '^application/json' }, body: '"ok"', json }),
  ).toEqual([])
})

test('ids of 64 bits are compared to the last digit', () => {
  const large = { body: '{"id":1234567890123456789,"small":7}' }
  const json = (digits: string) => ({ json: { id: { integer: digits } } })
  expect(missed(json('1234567890123456789'), large)).toEqual([])
  expect(missed(json('1234567890123456788'), large)).toEqual([
    'id is "1234567890123456789", expected the number 1234567890123456788',
  ])
  const others = { id: { type: 'number', above: 1, below: 2e18 }, small: { integer: '7' } } as const
  expect(missed({ json: others }, large)).toEqual([])
  expect(missed({ json: { id: 1_234_567_890 } }, large)).toHaveLength(1)
  expect(
    missed({ json: { id: { integer: '1234567890123456789' } } }, { body: '{"id":"1234567890123456789"}' }),
  ).toHaveLength(1)
})

describe('everything that is not is told', () => {
  test('all at once', () => {
    expect(missed({ statuses: [201, 204], latencyMs: 10, headers: { etag: '.' }, body: 'nope' })).toEqual([
      '200, expected 201 or 204',
      'took 20 ms, expected at most 10 ms',
      'header etag is missing',
      'the body has no /nope/',
    ])
  })

  test.each([
    [{ status: 'fine' }, 'status is "ok", expected "fine"'],
    [{ count: '3' }, 'count is "3", expected "3"'],
    [{ count: { above: 3 } }, 'count is "3", expected more than 3'],
    [{ status: { below: 3 } }, 'status is "ok", expected less than 3'],
    [{ status: { matches: '^up$' } }, 'status is "ok", expected /^up$/'],
    [{ count: { type: 'string' } }, 'count is "3", expected a string'],
    [{ missing: { exists: true } }, 'missing is missing'],
    [{ status: { exists: false } }, 'status is "ok", expected nothing'],
    [{ constructor: { exists: true } }, 'constructor is missing'],
  ] as const)('%j', (json, why) => {
    expect(missed({ json: json })).toEqual([why])
  })

  test('a body that is no JSON, or too long to be read whole', () => {
    expect(missed({ json: { a: 1 } }, { body: '<html>' })).toEqual(['the body is not JSON'])
    expect(missed({ json: { a: 1 } }, { truncated: true })).toEqual(['the body is too long'])
  })
})
