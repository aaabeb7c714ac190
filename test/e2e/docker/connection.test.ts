import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { InputError, ToolError } from '../../../shared/outcome/errors.ts'
import { systemClock } from '../../../shared/platform/clock.ts'
import { systemExec } from '../../../shared/platform/exec.ts'
import { createSecrets } from '../../../shared/platform/secrets.ts'
import type { Adapters } from '../../../shared/targets/adapters.ts'
import { listContainers } from '../../../shared/targets/docker/containers.ts'
import { openEngine } from '../../../shared/targets/docker/engine.ts'
import { requireLab } from './yard.ts'

jest.setTimeout(60_000)

const lab = requireLab()
const socket = lab.docker.host.replace('unix://', '')
const quiet = (): void => undefined

function adapters(env: Record<string, string>): Adapters {
  return {
    clock: systemClock,
    exec: systemExec,
    log: { info: quiet, warn: quiet, error: quiet, debug: quiet, group: (_title, work) => work() },
    secrets: createSecrets(),
    env,
    kubeconfig: '',
    signal: new AbortController().signal,
  }
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rb-connection-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a unix socket', async () => {
  const engine = await openEngine(lab.docker.host, adapters({}))

  expect(await listContainers(engine)).toBeInstanceOf(Array)
  expect(Math.abs(engine.now() - Date.now())).toBeLessThan(3_000)
  engine.close()
})

describe('over SSH', () => {
  /** Stands for ssh and the host behind it: what it is asked to run there, it runs here. */
  const ssh = () => {
    writeFileSync(
      join(folder, 'ssh'),
      `#!/bin/sh
echo "$@" >> ${folder}/asked
while [ "$1" != -- ]; do shift; done
[ "$2" = nowhere ] && { echo "ssh: Could not resolve hostname nowhere" >&2; exit 255; }
shift 2
DOCKER_HOST=${lab.docker.host} exec "$@"
`,
    )
    chmodSync(join(folder, 'ssh'), 0o755)
    return adapters({ PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: process.env['HOME'] ?? '' })
  }

  test("the other side's docker system dial-stdio is spoken to, over connections that are kept", async () => {
    const engine = await openEngine('ssh://deploy@staging.example.com:2222', ssh())

    for (let call = 0; call < 5; call++) expect(await listContainers(engine)).toBeInstanceOf(Array)

    engine.close()
    const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')
    expect(asked).toEqual([
      '-l deploy -p 2222 -o ConnectTimeout=30 -T -- staging.example.com docker system dial-stdio',
    ])
  })

  test('a host that is not reached is told with the last words of ssh', async () => {
    const opened = openEngine('ssh://nowhere', ssh())

    await expect(opened).rejects.toThrow('Could not resolve hostname nowhere')
    await expect(opened).rejects.toBeInstanceOf(ToolError)
  })

  test.each(['ssh://user:secret@host', 'ssh://-oProxyCommand=x@host', 'ssh://a%20b@host'])(
    '%s is refused before anything is started',
    async host => {
      await expect(openEngine(host, ssh())).rejects.toBeInstanceOf(InputError)
    },
  )
})

describe('over TCP with TLS', () => {
  let server: Server
  let port = 0
  beforeAll(async () => {
    makeCertificates(folder)
    const read = (name: string) => readFileSync(join(folder, name))
    server = createServer(
      {
        ca: read('ca.pem'),
        cert: read('server.pem'),
        key: read('server-key.pem'),
        requestCert: true,
        rejectUnauthorized: true,
      },
      client => {
        const engine = connect(socket)
        client.on('error', () => engine.destroy())
        client.on('close', () => engine.destroy())
        engine.on('error', () => client.destroy())
        client.pipe(engine).pipe(client)
      },
    )
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address && typeof address === 'object') port = address.port
  })
  afterAll(() => void server.close())

  test('the certificates of DOCKER_CERT_PATH are shown, and those of the other side checked', async () => {
    const engine = await openEngine(
      `tcp://127.0.0.1:${port}`,
      adapters({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder }),
    )

    expect(await listContainers(engine)).toBeInstanceOf(Array)
    expect(engine.host).toBe('127.0.0.1')
    engine.close()
  })

  test('a server that nobody vouches for is not talked to', async () => {
    const opened = openEngine(`tcp://127.0.0.1:${port}`, adapters({ DOCKER_TLS_VERIFY: '1' }))

    await expect(opened).rejects.toThrow(/self-signed|unable to verify/)
  })

  test('a folder without certificates is named', async () => {
    const opened = openEngine('tcp://127.0.0.1:1', adapters({ DOCKER_CERT_PATH: join(folder, 'none') }))

    await expect(opened).rejects.toThrow('ca.pem cannot be read')
  })
})

test.each([
  ['unix:///nowhere/docker.sock', 'does not answer'],
  ['tcp://127.0.0.1:1', 'does not answer'],
  ['npipe:////./pipe/docker_engine', 'DOCKER_HOST is'],
  ['nonsense', 'DOCKER_HOST is'],
])('%s', async (host, message) => {
  await expect(openEngine(host, adapters({}))).rejects.toThrow(message)
})

function makeCertificates(at: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: at, stdio: 'pipe' })
  openssl(
    ...'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca-key.pem -out ca.pem'.split(
      ' ',
    ),
  )
  for (const [name, as] of [
    ['server', 'server'],
    ['client', ''],
  ] as const) {
    const [key, cert] = as ? [`${as}-key.pem`, `${as}.pem`] : ['key.pem', 'cert.pem']
    openssl(...`req -newkey rsa:2048 -nodes -subj /CN=${name} -keyout ${key} -out ${name}.csr`.split(' '))
    writeFileSync(join(at, `${name}.ext`), 'subjectAltName=IP:127.0.0.1\n')
    openssl(
      ...`x509 -req -days 2 -in ${name}.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile ${name}.ext -out ${cert}`.split(
        ' ',
      ),
    )
  }
}
