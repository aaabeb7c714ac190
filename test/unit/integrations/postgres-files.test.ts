import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'postgres-files-'))
  writeFileSync(
    join(home, '.pg_service.conf'),
    '# ours\n[staging]\nhost=db-staging\nuser=ada\n\n[production]\nhost=db.example.com\nport=6432\ndbname=app\nuser=ada\nsslmode=require\nhostaddr=192.0.2.7\n',
  )
  writeFileSync(join(home, 'broken'), '[production]\nldap://directory.example.com/x\n')
  writeFileSync(
    join(home, '.pgpass'),
    String.raw`# host:port:database:user:password
db.example.com:6432:other:ada:wrong
db.example.com:*:app:ada:s:ec\:r\\et
*:5432:*:o\:dd:odd
localhost:5432:*:socket:by-socket
`,
    { mode: 0o600 },
  )
})
afterAll(() => rmSync(home, { recursive: true }))

const parse = (url: string, env: Record<string, string> = {}) =>
  parsePostgresUrl('database-url', url, { HOME: home, ...env })

test.each([
  ['named by the URL', 'postgresql://?service=production', {}],
  ['named by PGSERVICE', 'postgresql://', { PGSERVICE: 'production' }],
  [
    'stronger than the PG* variables',
    'postgresql://',
    { PGSERVICE: 'production', PGHOST: 'other', PGPORT: '1' },
  ],
])('a service is read: %s', (_how, url, env) => {
  expect(parse(url, env)).toMatchObject({
    host: 'db.example.com',
    port: 6432,
    database: 'app',
    user: 'ada',
    sslmode: 'require',
    via: { host: '192.0.2.7', port: 6432 },
    password: String.raw`s:ec:r\et`,
  })
})

test('what the URL itself says is stronger than its service', () => {
  expect(parse('postgresql://eve:pw@/other?service=production')).toMatchObject({
    host: 'db.example.com',
    user: 'eve',
    password: 'pw',
    database: 'other',
  })
})

test.each([
  ['postgresql://o%3Add@anything/x', 'odd'],
  ['postgresql://socket@/x?host=/var/run/postgresql', 'by-socket'],
  ['postgresql://ada@db.example.com:6432/nothing', ''],
])('the password file is matched as libpq matches it: %s', (url, password) => {
  expect(parse(url).password).toBe(password)
})

test('a password file that others may read is passed over', () => {
  chmodSync(join(home, '.pgpass'), 0o644)
  expect(parse('postgresql://?service=production').password).toBe('')
  chmodSync(join(home, '.pgpass'), 0o600)
})

test.each([
  [{ PGSERVICE: 'nope' }, 'which is not in'],
  [{ PGSERVICE: 'production', PGSERVICEFILE: 'broken' }, 'broken:2 is no line of a service file'],
])('%j is refused', (env, words) => {
  const file = 'PGSERVICEFILE' in env ? { PGSERVICEFILE: join(home, env.PGSERVICEFILE) } : {}
  expect(() => parse('postgresql://', { ...env, ...file })).toThrow(words)
})
