import { expect, test } from '@jest/globals'
import { secretsAmong, secretsOf } from '../../../shared/config/env-file/env-file.ts'
import { announcesSecret, hideInline, inlineSecrets } from '../../../shared/config/inline-secrets.ts'

test.each<[string, string[]]>([
  ['postgres://app:Manif3stPw@db/app', ['Manif3stPw']],
  ['redis://:R3disPw@r/0', ['R3disPw']],
  ['postgres://app:p%40ss@db:5432/app', ['p%40ss', 'p@ss']],
  ['amqp://a:one-1@h1,amqp://b:two-2@h2', ['one-1', 'two-2']],
  ['mongodb://u:many@h1,h2,h3/db', ['many']],
  ['redis://:with/slash@cache', ['with/slash']],
  ['postgres://app:a@b@db/app', ['a@b']],
  ['url: "postgres://u:quoted@db"\nother: 1', ['quoted']],
  ['jdbc:postgresql://db/app?user=app&password=jdbcPw&ssl=true', ['jdbcPw']],
  ['spring.datasource.password = springPw', ['springPw']],
  ['--db-password=optionPw', ['optionPw']],
  ['host=db user=app password=dsnPw', ['dsnPw']],
  ["password='quotedPw'", ['quotedPw']],
  ['https://registry.example.com:4873/@scope/package', []],
  ['https://api.example.com:8443/path?x=1', []],
  ['http://metrics:9090/a@b', []],
  ['password=$(cat /run/secret)', []],
  ['password=${DB_PASSWORD}', []],
  ['ops@example.com', []],
  ['postgres://db.example.com/app', []],
])('of %s the passwords are %j', (text, expected) => {
  expect(inlineSecrets(text)).toEqual(expected)
  const hidden = hideInline(text, () => '(hidden)')
  for (const secret of expected.slice(0, 1)) expect(hidden).not.toContain(secret)
  if (expected.length === 0) expect(hidden).toBe(text)
})

test('a file of a megabyte is read through in a moment', () => {
  for (const text of [
    'a'.repeat(1 << 20),
    '://'.repeat(300_000),
    '://a:'.repeat(200_000),
    'password='.repeat(100_000),
  ])
    expect(inlineSecrets(text).length).toBeGreaterThanOrEqual(0)
})

test('options that announce a password', () => {
  expect(['--requirepass', '--db-password', '--api-key', '-token'].map(announcesSecret)).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect(['--port', '--password-file', 'password', '--bypass'].map(announcesSecret)).toEqual([
    false,
    false,
    false,
    false,
  ])
})

test('of variables that every member may read, what name or form tell; a switch is never a secret', () => {
  expect(
    secretsAmong({
      DATABASE_URL: 'postgres://app:Manif3stPw@db/app',
      JWT_SECRET: 'abcDEF-123',
      AUTH_ENABLED: 'true',
      TOKEN_TTL: '15m',
      API_URL: 'https://api.example.com',
      KEY_PREFIX: 'app:',
    }),
  ).toEqual(['Manif3stPw', 'abcDEF-123'])
  expect(secretsOf({ AUTH_ENABLED: 'true', DB_PASSWORD: 'changeme', NODE_ENV: 'staging' })).toEqual([
    'changeme',
  ])
})
