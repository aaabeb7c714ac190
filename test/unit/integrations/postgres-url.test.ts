import { describe, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { libpqEnvironment, parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'

const parse = (url: string, env: Record<string, string> = {}) => parsePostgresUrl('database-url', url, env)

test.each([
  [
    'postgresql://ada:s3cret@db.example.com:6432/app?sslmode=require',
    {
      host: 'db.example.com',
      port: 6432,
      user: 'ada',
      password: 's3cret',
      database: 'app',
      sslmode: 'require',
    },
  ],
  [
    'postgres://ada@db/app',
    { host: 'db', port: 5432, user: 'ada', password: '', database: 'app', sslmode: 'prefer' },
  ],
  ['postgres://ada:p%40s%2Fs%3A%25@db/my%20app', { password: 'p@s/s:%', database: 'my app' }],
  ['postgres://ada:p@ss:w@db/app', { password: 'p@ss:w', host: 'db' }],
  ['postgres://[2001:db8::1]:5433/app', { host: '2001:db8::1', port: 5433 }],
  ['postgres://ada@/app?host=/var/run/postgresql', { host: '/var/run/postgresql', database: 'app' }],
  ['postgres://ada@%2Fvar%2Frun/app', { host: '/var/run' }],
  [
    'postgres://db/app?schema=public&connection_limit=5&connect_timeout=3',
    { host: 'db', connectTimeoutMs: 3_000 },
  ],
  ['postgres://ada@db', { database: 'ada' }],
])('%s is read as libpq reads it', (url, expected) => {
  expect(parse(url)).toMatchObject(expected)
})

test('what the URL leaves out comes from the PG* variables', () => {
  const env = {
    PGHOST: 'db',
    PGPORT: '6000',
    PGUSER: 'ada',
    PGPASSWORD: 'pw',
    PGDATABASE: 'app',
    PGSSLMODE: 'disable',
  }
  expect(parse('postgresql://', env)).toMatchObject({
    host: 'db',
    port: 6000,
    user: 'ada',
    password: 'pw',
    database: 'app',
    sslmode: 'disable',
  })
  expect(parse('postgresql://eve@other/x?sslmode=require', env)).toMatchObject({
    host: 'other',
    user: 'eve',
    database: 'x',
    sslmode: 'require',
  })
})

describe('is refused, without showing the URL:', () => {
  test.each([
    ['', 'is missing'],
    ['mysql://ada:s3cret@db/app', 'is not a PostgreSQL URL'],
    ['host=db password=s3cret', 'is not a PostgreSQL URL'],
    ['postgres://ada:s3cret#1@db/app', 'is not a PostgreSQL URL'],
    ['postgres://ada:s3cret%@db/app', 'has a %'],
    ['postgres://ada:s3cret@one,two/app', 'names several hosts'],
    ['postgres://ada:s3cret@db:0/app', 'has a port'],
    ['postgres://ada:s3cret@db:99999/app', 'has a port'],
    ['postgres://ada:s3cret@db/app?sslmode=sometimes', 'has an sslmode'],
    ['postgres://ada:s3cret@db/app?sslrootcert=/no/such/ca.pem', 'names the file /no/such/ca.pem'],
  ])('%s', (url, why) => {
    const refusal = catching(() => parse(url))
    expect(refusal.message).toContain(`database-url ${why}`)
    expect(`${refusal.message} ${refusal.hint}`).not.toContain('s3cret')
  })
})

test('a libpq program gets the password by its environment, and no PG* variable of another program', () => {
  const env = libpqEnvironment(parse('postgres://ada:s3cret@db/app'), {
    PATH: '/bin',
    PGSERVICE: 'other',
    PGHOSTADDR: '192.0.2.1',
  })
  expect(env).toMatchObject({
    PATH: '/bin',
    PGHOST: 'db',
    PGUSER: 'ada',
    PGPASSWORD: 's3cret',
    PGDATABASE: 'app',
    PGSSLMODE: 'prefer',
  })
  expect(env).not.toHaveProperty('PGSERVICE')
  expect(env).not.toHaveProperty('PGHOSTADDR')
  expect(env).not.toHaveProperty('PGSSLROOTCERT')
})

function catching(work: () => unknown): InputError {
  try {
    work()
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
