import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { connect } from '../../../shared/integrations/database/postgres.ts'
import { libpqEnvironment, parsePostgresUrl } from '../../../shared/integrations/database/postgres-url.ts'
import { openLab } from '../../lab/lab.ts'

/* A server that takes TLS alone, as managed ones do. Our connections and libpq's must agree about it. */

let folder: string
let server: ChildProcess
let port: number
const binDir = openLab().postgres.binDir
// PostgreSQL does not run as root.
const asServer = ['--reuid=postgres', '--regid=postgres', '--clear-groups']

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tls-'))
  chmodSync(folder, 0o777)
  port = await freePort()
  const run = (...args: string[]) =>
    execFileSync('setpriv', [...asServer, ...args], { cwd: folder, stdio: 'pipe' })
  const data = join(folder, 'data')
  run(join(binDir, 'initdb'), '-D', data, '--username=ada', '--auth=trust', '--no-sync')
  for (const name of ['localhost', 'other']) {
    run(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      join(folder, `${name}.key`),
      '-out',
      join(folder, `${name}.pem`),
    )
  }
  run('sh', '-c', `printf 'hostssl all all all trust\\n' > ${data}/pg_hba.conf`)
  const settings = [
    `port=${port}`,
    'ssl=on',
    `ssl_cert_file=${folder}/localhost.pem`,
    `ssl_key_file=${folder}/localhost.key`,
    `unix_socket_directories=${folder}`,
  ]
  server = spawn(
    'setpriv',
    [...asServer, join(binDir, 'postgres'), '-D', data, ...settings.flatMap(each => ['-c', each])],
    { cwd: folder, stdio: 'ignore' },
  )
  for (let tries = 0; tries < 200; tries++) if (await reaches('require')) return
  throw new Error('the server did not start')
})

afterAll(async () => {
  const exited = once(server, 'exit')
  server.kill('SIGINT')
  await exited
  rmSync(folder, { recursive: true })
})

const urlOf = (mode: string) =>
  `postgresql://ada@localhost:${port}/postgres?${mode === '' ? '' : `sslmode=${mode}`}`

async function reaches(mode: string): Promise<boolean> {
  try {
    const session = await connect(parsePostgresUrl('database-url', urlOf(mode), {}), {
      signal: AbortSignal.timeout(5_000),
    })
    await session.close()
    return true
  } catch {
    return false
  }
}

/** Whether psql, told by the same environment that pg_dump gets, gets in. */
function libpqReaches(mode: string): boolean {
  const env = libpqEnvironment(parsePostgresUrl('database-url', urlOf(mode), {}), {
    PATH: process.env['PATH'],
  })
  try {
    execFileSync(join(binDir, 'psql'), ['-X', '-w', '-c', 'SELECT 1'], { env, stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

test.each([
  ['', true],
  ['disable', false],
  ['prefer', true],
  ['require', true],
  ['verify-ca&sslrootcert=localhost', true],
  ['verify-ca&sslrootcert=other', false],
  ['require&sslrootcert=other', false],
  ['verify-full&sslrootcert=localhost', true],
  // The certificate is for localhost, not for that address.
  ['verify-full&sslrootcert=localhost&host=127.0.0.1', false],
  // As at the end of a tunnel: reached by another address, held against the name.
  ['verify-full&sslrootcert=localhost&hostaddr=127.0.0.1', true],
  ['verify-full&sslrootcert=localhost&host=elsewhere.invalid&hostaddr=127.0.0.1', false],
  ['verify-ca&sslrootcert=localhost&host=elsewhere.invalid&hostaddr=127.0.0.1', true],
])('sslmode=%s gets in: %s, for us as for libpq', async (mode, expected) => {
  const said = mode.replace(/sslrootcert=(\w+)/, `sslrootcert=${folder}/$1.pem`)
  expect(libpqReaches(said)).toBe(expected)
  expect(await reaches(said)).toBe(expected)
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port: free } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return free
}
