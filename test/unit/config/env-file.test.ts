import { describe, expect, test } from '@jest/globals'
import { secretsOf } from '../../../shared/config/env-file/env-file.ts'

describe('what must not be shown', () => {
  test.each([
    ['NODE_ENV', 'staging', []],
    ['PORT', '3000', []],
    ['SHUTDOWN_TIMEOUT', '20s', []],
    ['JWT_SECRET', 'staging', ['staging']],
    ['REDIS_PASSWORD', '12345', ['12345']],
    ['SOMETHING', 'correct horse', ['correct horse']],
    ['EMPTY_SECRET', '', []],
    ['DATABASE_URL', 'postgres://u:p%40ss@host/db', ['postgres://u:p%40ss@host/db', 'p%40ss', 'p@ss']],
    ['ODD', 'postgres://u:p%zz@host/db', ['postgres://u:p%zz@host/db', 'p%zz']],
  ])('%s=%s: %j', (key, value, secrets) => {
    expect(secretsOf({ [key]: value })).toEqual(secrets)
  })
})
