import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createLog } from '../../src/log.js'

/** @param {{level?: string, secrets?: string[]}} options */
function recorded({ level = 'info', secrets = [] } = {}) {
  /** @type {string[]} */
  const lines = []
  const now = () => new Date('2024-01-01T00:00:00Z')
  return {
    lines,
    log: createLog({ level, secrets, fields: { service: 's' }, write: line => lines.push(line), now }),
  }
}

test('one JSON object a line', () => {
  const { lines, log } = recorded()
  log.info('hello\nworld', { n: 1 })
  assert.deepEqual(lines, [
    '{"time":"2024-01-01T00:00:00.000Z","level":"info","msg":"hello\\nworld","service":"s","n":1}\n',
  ])
})

test('what is below the level is not written', () => {
  const { lines, log } = recorded({ level: 'warn' })
  log.debug('a')
  log.info('b')
  log.warn('c')
  log.fatal('d')
  assert.deepEqual(
    lines.map(line => JSON.parse(line).msg),
    ['c', 'd'],
  )
})

test('a secret is hidden wherever it is: message, error, cause, or escaped by JSON', () => {
  const { lines, log } = recorded({ secrets: ['hunter22', 'qu"ote\\d'] })
  const error = new Error('connect postgres://u:hunter22@db', { cause: new Error('password hunter22') })
  log.error('with hunter22', { error, nested: { text: 'qu"ote\\d' } })
  assert(!lines.join('').includes('hunter22'))
  const entry = JSON.parse(lines[0] ?? '')
  assert.equal(entry.msg, 'with ***')
  assert.equal(entry.error.cause.message, 'password ***')
  assert.equal(entry.nested.text, '***')
})

test('an error keeps its code and its cause', () => {
  const { lines, log } = recorded()
  log.warn('w', { error: Object.assign(new Error('outer', { cause: new Error('inner') }), { code: 'E1' }) })
  const { error } = JSON.parse(lines[0] ?? '')
  assert.equal(error.code, 'E1')
  assert.match(error.stack, /outer/)
  assert.equal(error.cause.message, 'inner')
})
