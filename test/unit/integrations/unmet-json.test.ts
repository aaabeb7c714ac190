import { expect, test } from '@jest/globals'
import { parseExactJson } from '../../../shared/host/json.ts'
import { unmetJson } from '../../../shared/integrations/http/unmet-json.ts'

test('what is expected of a document is reported by path, with what was found', () => {
  const document = { status: 'ok', checks: { database: { status: 'down' }, queue: { length: 0 } } }
  expect(unmetJson(document, { status: 'ok', 'checks.queue.length': 0 })).toEqual([])
  expect(unmetJson(document, { 'checks.database.status': 'up', 'checks.mail': true })).toEqual([
    'checks.database.status is "down", expected "up"',
    'checks.mail is missing, expected true',
  ])
  expect(unmetJson(undefined, { status: 'ok' })).toEqual(['status is missing, expected "ok"'])
  expect(unmetJson({}, { constructor: true })).toEqual(['constructor is missing, expected true'])
})

test('integers of 64 bits are compared exactly, and text is no number', () => {
  const document = parseExactJson('\ufeff{"id":1234567890123456789,"text":"7","seven":7.0,"no":null}')
  expect(
    unmetJson(document, {
      id: { integer: '1234567890123456789', above: 5, type: 'number' },
      seven: 7,
      no: null,
      'text.x': { exists: false },
    }),
  ).toEqual([])
  expect(unmetJson(document, { id: { integer: '1234567890123456788' }, text: 7, no: 'x' })).toEqual([
    'id is "1234567890123456789", expected the number 1234567890123456788',
    'text is "7", expected 7',
    'no is "null", expected "x"',
  ])
})
