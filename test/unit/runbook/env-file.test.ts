import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findEnvFileFaults, secretsOf } from '../../../shared/runbook/env-file.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'env-file-'))
})
afterEach(() => rmSync(root, { recursive: true }))

function faults(text: string, requires: string[] = []): string[] {
  writeFileSync(join(root, '.env'), text)
  return findEnvFileFaults(root, '.env', requires).map(({ where, key, fault }) => `${where} ${key} ${fault}`)
}

test('a good file has none', () => {
  const secret = randomBytes(64).toString('base64')
  const text = `# comment\nDATABASE_URL=postgres://me:secret@db:5432/api\nREDIS_URL="redis://cache:6379"\nJWT_SECRET=${secret}\n`
  expect(faults(text, ['DATABASE_URL', 'JWT_SECRET'])).toEqual([])
})

describe('finds, with its line,', () => {
  test.each([
    ['A=1\nA=2', ['.env:2 A is set twice']],
    ['X=1\nKEY=CHANGE_THIS_KEY', ['.env:2 KEY still has its placeholder']],
    ['KEY=<YOUR KEY>', ['.env:1 KEY still has its placeholder']],
    ['JWT_SECRET=short', ['.env:1 JWT_SECRET has 5 characters, 64 are the least']],
    [`JWT_SECRET=${'secret'.repeat(12)}`, ['.env:1 JWT_SECRET repeats too few characters to be a secret']],
    ['DATABASE_URL=db:5432', ['.env:1 DATABASE_URL is no URL that starts with postgres:// or postgresql://']],
    ['REDIS_URL=http://cache', ['.env:1 REDIS_URL is no URL that starts with redis:// or rediss://']],
  ])('%j', (text, found) => {
    expect(faults(text)).toEqual(found)
  })

  test('keys that are missing or empty', () => {
    expect(faults('B=', ['A', 'B'])).toEqual(['.env A is missing or empty', '.env B is missing or empty'])
  })
})

test('a secret never stands in a fault', () => {
  const text = 'JWT_SECRET=hidden\nDATABASE_URL=hidden\nKEY=CHANGE_THIS_hidden'
  expect(JSON.stringify(faults(text))).not.toContain('hidden')
})

describe('what must not be shown', () => {
  test.each([
    ['NODE_ENV', 'staging', []],
    ['PORT', '3000', []],
    ['SHUTDOWN_TIMEOUT', '20s', []],
    ['JWT_SECRET', 'staging', ['staging']],
    ['REDIS_PASSWORD', '12345', ['12345']],
    ['SOMETHING', 'correct horse', ['correct horse']],
    ['EMPTY_SECRET', '', []],
    ['DATABASE_URL', 'postgres://u:p%40ss@host/db', ['postgres://u:p%40ss@host/db', 'p@ss']],
    ['ODD', 'postgres://u:p%zz@host/db', ['postgres://u:p%zz@host/db', 'p%zz']],
  ])('%s=%s: %j', (key, value, secrets) => {
    expect(secretsOf({ [key]: value })).toEqual(secrets)
  })
})
