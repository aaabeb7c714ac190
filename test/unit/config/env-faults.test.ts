import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEnvFileFaults } from '../../../shared/config/env-file/env-faults.ts'
import { holdsPlaceholder, isWellKnown } from '../../../shared/config/env-file/placeholders.ts'
import { bitsOf } from '../../../shared/config/env-file/strength.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'env-file-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function faults(text: string, requires: string[] = [], environment = 'production'): string[] {
  writeFileSync(join(root, '.env'), text)
  return findEnvFileFaults(root, '.env', { requires, environment }).map(
    ({ where, key, fault }) => `${where} ${key} ${fault}`,
  )
}

test('a good file has none', () => {
  const secret = randomBytes(64).toString('base64')
  const text = [
    '# comment',
    'NODE_ENV=production',
    'DATABASE_URL=postgres://me:se%23cret@db:5432/api?sslmode=require',
    'REDIS_URL="redis://cache:6379" # the one in the same zone',
    `JWT_SECRET=${secret}`,
    "PRICE='5 $ # and more'",
    'PRIVATE_KEY="-----BEGIN PRIVATE KEY-----',
    'MC4CAQAwBQYDK2VwBCIEIA==',
    '-----END PRIVATE KEY-----"',
    'SENTRY_DSN=https://abc@sentry.example.com/1',
    'EMPTY=',
    '',
  ].join('\n')
  expect(faults(text, ['DATABASE_URL', 'JWT_SECRET', 'PRIVATE_KEY'])).toEqual([])
})

describe('finds, with its line,', () => {
  test.each([
    ['A=1\nA=2', '2 A is set twice, first in line 1'],
    ['X=1\nKEY=CHANGE_THIS_KEY', '2 KEY still has its placeholder'],
    ['JWT_SECRET=short', '1 JWT_SECRET has 5 characters, 64 are the least'],
    ['DATABASE_URL=db:5432', '1 DATABASE_URL is no URL that starts with postgres:// or postgresql://'],
    ['DATABASE_URL=postgres://me:pw@db:5432', '1 DATABASE_URL names no database'],
    ['REDIS_URL=http://cache', '1 REDIS_URL is no URL that starts with redis:// or rediss://'],
    ['SEARCH_URL=search:9200', '1 SEARCH_URL is no URL'],
    ['PORT=http', '1 PORT is no port; accepted: a number from 1 to 65535'],
    ['NODE_ENV=development', '1 NODE_ENV is development, in the file of production'],
    ['REDIS_PASSWORD=Passw0rd', '1 REDIS_PASSWORD has a password that attackers try first'],
    ['CACHE_URL=redis://:secret@cache', '1 CACHE_URL has a password that attackers try first'],
    ['\ufeffA=1', '1  begins with a byte order mark, which a shell takes for a part of the first key'],
    [
      'A=1\r\nB=2',
      '1  ends like a line of Windows (CR LF), and a shell takes the CR for a part of the value',
    ],
    ['A=1\nexport', '2  is not KEY=value'],
    ['export A=1', '1 A begins with export, which Docker does not take'],
    ['1A=1', '1  is not KEY=value'],
    ['A: 1', '1  is not KEY=value'],
    ['A =1', '1 A has a space beside its =, which Docker and shells do not take'],
    ['A= 1', '1 A has a space beside its =, which Docker and shells do not take'],
    ['A="b\nB=1', '1 A begins with ", which is never closed'],
    ['A="b\nB="c"', '1 A begins with ", which is never closed'],
    ['A="b"c', '1 A goes on after its closing quote'],
    ["A='it's'", "1 A has a ' between its quotes"],
    ['A=b"', '1 A ends with a quote that it does not begin with'],
    ['A=“b”', '1 A has typographic quotes, which are a part of the value'],
    ['PASS=12#34', '1 PASS is cut at its #: the rest is taken for a comment'],
    ['A=x${HOME}', '1 A refers to HOME, which nothing fills in here'],
  ])('%j', (text, found) => {
    expect(faults(text)).toEqual([`.env:${found}`])
  })

  test('keys that are missing or empty', () => {
    expect(faults('B=', ['A', 'B'])).toEqual(['.env A is missing', '.env:1 B is empty'])
  })

  test('a stage of another environment, where both are known', () => {
    expect(faults('NODE_ENV=production', [], 'staging')).toEqual([])
    expect(faults('NODE_ENV=production', [], 'development')).toHaveLength(1)
    expect(faults('NODE_ENV=development', [], 'ada')).toEqual([])
  })
})

test('a line that dotenv takes for a part of the value above is found by its key', () => {
  expect(faults('A="x\nB=2\nC=3"')).toEqual([
    '.env:1 A begins with ", which is never closed',
    '.env:2 B is not read: it stands within the quotes of a value above it',
    '.env:3 C ends with a quote that it does not begin with',
    '.env:3 C is not read: it stands within the quotes of a value above it',
  ])
})

test('a value never stands in a fault', () => {
  const text = 'JWT_SECRET=hidden\nDATABASE_URL=hidden\nKEY=CHANGE_THIS_hidden\nA="hidden\nB=hidden#hidden'
  const found = faults(text)
  expect(found).toHaveLength(5)
  expect(JSON.stringify(found)).not.toContain('hidden')
})

describe('a placeholder', () => {
  test.each([
    [
      'CHANGE_TH1S_PASSWORD',
      'change-me',
      'ＣＨＡＮＧＥＭＥ',
      'Ch@ngeThis!',
      'REPLACE_WITH_KEY',
      'your-api-key',
    ],
    ['<YOUR KEY>', '{{ key }}', '[your key]', 'xxxxxxxx', 'TODO', '...', '***', 'placeholder', 'YOUR_TOKEN'],
    ['postgres://user:CHANGE_THIS_PASSWORD@host:5432/db', 'redis://:xxx@cache', 'insert-your-key-here'],
  ])('%j', (...values) => {
    for (const value of values) expect([value, holdsPlaceholder(value)]).toEqual([value, true])
  })

  test.each([
    ['staging_password', 'dev_password', 'exchange', 'redis://cache:6379', 'info', 'https://a.b/?x=<1>&y=2:'],
    ['todo-list', 'SG.a1B2c3D4e5F6g7H8', 'AKIAIOSFODNN7EXAMPLE'],
  ])('is not %j', (...values) => {
    for (const value of values) expect([value, holdsPlaceholder(value)]).toEqual([value, false])
  })

  test('is not seen in what chance makes', () => {
    const random = Array.from({ length: 2_000 }, () => randomBytes(48).toString('base64'))
    expect(random.filter(value => holdsPlaceholder(value) || isWellKnown(value))).toEqual([])
  })
})

describe('the strength of a secret', () => {
  test.each([
    'this-is-my-very-long-secret-for-the-production-environment-2024!!',
    'correct horse battery staple and then some more words, and even more',
    'CHANGE_THIS_TO_COMPLEX_SECRET_MINIMUM_64_CHARACTERS_LONG_AND_LONGER',
    'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/==',
    'MyC0mpanyN4me2024!ProductionJwtSecretKeyForTheApiService_v2_final_x',
    'k3J4h5'.repeat(12),
    '1'.repeat(64),
  ])('%s is not enough', secret => {
    expect(bitsOf(secret)).toBeLessThan(192)
  })

  test('what chance makes is', () => {
    const letters = (bytes: Buffer) => [...bytes].map(byte => String.fromCharCode(97 + (byte % 26))).join('')
    for (let round = 0; round < 300; round++) {
      expect(bitsOf(randomBytes(48).toString('base64'))).toBeGreaterThan(192)
      expect(bitsOf(randomBytes(32).toString('hex'))).toBeGreaterThan(192)
      expect(bitsOf(letters(randomBytes(64)))).toBeGreaterThan(192)
    }
  })
})
