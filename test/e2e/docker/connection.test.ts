import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer as createPlain } from 'node:net'
import { createServer, type Server } from 'node:tls'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { InputError, ToolError } from '../../../shared/outcome/errors.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Adapters } from '../../../shared/targets/adapters.ts'
import { engineAddress } from '../../../shared/targets/docker/engine/address.ts'
import {
  create,
  getFiles,
  listContainers,
  putFiles,
  remove,
} from '../../../shared/targets/docker/engine/containers.ts'
import { openEngine, type Engine } from '../../../shared/targets/docker/engine/engine.ts'
import { createAuthority, type Authority, type CertificateOptions } from './certificates.ts'
import { freePort, listens } from './ports.ts'
import { startSshServer } from './sshd.ts'
import { openLab } from '../../lab/lab.ts'
import { pushImages, until } from './yard.ts'
import { silent } from '../../log.ts'

const lab = openLab()
const socket = lab.docker.host.replace('unix://', '')

function adapters(env: Record<string, string>): Adapters {
  return {
    clock: systemClock,
    exec: systemExec,
    log: silent,
    secrets: createSecrets(),
    env,
    kubeconfig: '',
    hasEnded: () => false,
    signal: new AbortController().signal,
  }
}

async function open(host: string, to: Adapters): Promise<Engine> {
  return await openEngine(engineAddress('', { ...to.env, DOCKER_HOST: host }), to)
}

/** Of every process of this machine. */
function commandLines(): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n')
}

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rb-connection-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a unix socket', async () => {
  const engine = await open(lab.docker.host, adapters({}))

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
    const engine = await open('ssh://deploy@staging.example.com:2222', ssh())

    for (let call = 0; call < 5; call++) expect(await listContainers(engine)).toBeInstanceOf(Array)

    engine.close()
    const asked = readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n')
    expect(asked).toEqual([
      '-l deploy -p 2222 -o ConnectTimeout=30 -T -- staging.example.com docker system dial-stdio',
    ])
  })

  test('a real server: containers are listed, files put and read, and nothing is left running', async () => {
    const server = await startSshServer(join(folder, 'sshd'), lab.docker.host)
    const name = `e2e-ssh-${process.pid}`
    try {
      const env = { PATH: process.env['PATH'] ?? '', RUNBOOK_SSH_CONFIG: server.config }
      const engine = await open(server.host, adapters(env))
      const id = await create(engine, name, { Image: pushImages().plain })
      await putFiles(engine, id, [{ path: 'probe/file', content: Buffer.from('by ssh') }])

      expect((await getFiles(engine, id, '/probe')).map(file => file.content.toString())).toEqual(['by ssh'])
      expect((await listContainers(engine)).map(each => each.Id)).toContain(id)

      await remove(engine, id)
      engine.close()
      await until('the other side to end', () => !commandLines().some(line => line.includes(server.config)))
    } finally {
      await server.close()
    }
  })

  test('a host that is not reached is told with the last words of ssh', async () => {
    const opened = open('ssh://nowhere', ssh())

    await expect(opened).rejects.toThrow('Could not resolve hostname nowhere')
    await expect(opened).rejects.toBeInstanceOf(ToolError)
  })

  test.each(['ssh://user:secret@host', 'ssh://-oProxyCommand=x@host', 'ssh://a%20b@host'])(
    '%s is refused before anything is started',
    async host => {
      await expect(open(host, ssh())).rejects.toBeInstanceOf(InputError)
    },
  )
})

describe('over TCP with TLS', () => {
  let [authority, stranger] = [] as unknown as [Authority, Authority]
  const fronts: Server[] = []
  beforeAll(() => {
    authority = createAuthority(join(folder, 'authority'), 'test-ca')
    stranger = createAuthority(join(folder, 'stranger'), 'another-ca')
  })
  afterAll(() => {
    for (const front of fronts) front.close()
  })

  /** The engine's socket behind real TLS. @returns its address */
  async function openFront(name: string, options: CertificateOptions = {}): Promise<string> {
    const { cert, key } = authority.issue(name, options)
    const [ca, own, secret] = [authority.ca, cert, key].map(file => readFileSync(file))
    const front = createServer(
      { ca, cert: own, key: secret, requestCert: true, rejectUnauthorized: true },
      client => {
        const engine = connect(socket)
        client.on('error', () => engine.destroy())
        client.on('close', () => engine.destroy())
        engine.on('error', () => client.destroy())
        client.pipe(engine).pipe(client)
      },
    )
    // What it says of a client that it does not let in.
    front.on('tlsClientError', () => undefined)
    fronts.push(front)
    await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve))
    const address = front.address()
    return `tcp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  }

  test('the certificates of DOCKER_CERT_PATH are shown, and those of the other side checked', async () => {
    const env = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: authority.clientFolder('client') }

    const engine = await open(await openFront('engine'), adapters(env))

    expect(await listContainers(engine)).toBeInstanceOf(Array)
    expect(engine.host).toBe('127.0.0.1')
    engine.close()
  })

  test("they are looked for in the user's .docker, as the docker command does", async () => {
    const home = join(folder, 'home')
    cpSync(authority.clientFolder('at-home'), join(home, '.docker'), { recursive: true })

    const engine = await open(await openFront('known'), adapters({ DOCKER_TLS_VERIFY: '1', HOME: home }))

    expect(await listContainers(engine)).toBeInstanceOf(Array)
    engine.close()
  })

  test.each<[string, string, CertificateOptions, () => string, string]>([
    [
      'an engine with an unknown certificate',
      'unknown',
      {},
      () => stranger.clientFolder('misled'),
      'not issued by an authority',
    ],
    [
      'an engine whose certificate has expired',
      'expired',
      { days: -1 },
      () => authority.clientFolder('early'),
      'has expired',
    ],
    [
      'one for another host',
      'elsewhere',
      { address: '10.9.9.9' },
      () => authority.clientFolder('astray'),
      'for another host',
    ],
  ])('%s is told apart', async (_what, name, options, certificates, why) => {
    const opened = open(
      await openFront(name, options),
      adapters({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates() }),
    )

    await expect(opened).rejects.toThrow(why)
    await expect(opened).rejects.toMatchObject({
      tool: 'Docker engine',
      hint: expect.stringMatching(/certificate|ca\.pem|cert\.pem/),
    })
  })

  test.each<[string, () => string, string]>([
    [
      'is not known to the engine',
      () => stranger.clientFolder('foreign', { ca: authority.ca }),
      'does not accept the certificate',
    ],
    ['has expired', () => authority.clientFolder('late', { days: -1 }), 'shown to it has expired'],
  ])('a certificate of ours that %s', async (what, certificates, why) => {
    // node:tls ends such a connection without a word; OpenSSL says why, as Go's TLS of the engine does.
    const { cert, key } = authority.issue(`server-${what.replaceAll(' ', '-')}`)
    const port = await freePort()
    const verify = ['-Verify', '1', '-verify_return_error', '-CAfile', authority.ca]
    const engine = spawn('openssl', [
      's_server',
      '-accept',
      String(port),
      '-cert',
      cert,
      '-key',
      key,
      ...verify,
    ])
    try {
      await until('the other side to listen', () => listens(port))
      const env = { DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates() }

      const opened = open(`tcp://127.0.0.1:${port}`, adapters(env))

      await expect(opened).rejects.toThrow(why)
      await expect(opened).rejects.toMatchObject({ hint: expect.stringContaining('cert.pem') })
    } finally {
      engine.kill()
    }
  })

  test('a folder without certificates is named', async () => {
    await expect(
      open('tcp://127.0.0.1:1', adapters({ DOCKER_CERT_PATH: join(folder, 'none') })),
    ).rejects.toThrow('ca.pem cannot be read')
  })

  test('TLS asked of a port without it, and the other way round', async () => {
    const plain = createPlain(client =>
      client.end('HTTP/1.1 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
    )
    await new Promise<void>(resolve => plain.listen(0, '127.0.0.1', resolve))
    const address = plain.address()
    const host = `tcp://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`

    await expect(open(host, adapters({}))).rejects.toThrow('speaks TLS at that port')
    await expect(
      open(host, adapters({ DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: authority.clientFolder('eager') })),
    ).rejects.toThrow('does not speak TLS at that port')
    plain.close()
  })
})

describe('the context that the docker command would use', () => {
  let config = ''
  const docker = (...args: string[]) =>
    execFileSync('docker', args, {
      env: { ...process.env, DOCKER_CONFIG: config, DOCKER_HOST: '' },
      stdio: 'pipe',
    })
  beforeAll(() => {
    config = join(folder, 'config')
    docker('context', 'create', 'lab', '--docker', `host=${lab.docker.host}`)
    docker('context', 'create', 'elsewhere', '--docker', 'host=tcp://127.0.0.1:1')
    docker('context', 'use', 'lab')
  })

  test.each<[string, string, Record<string, string>, string]>([
    ['the current one', '', {}, lab.docker.host],
    ['the one of DOCKER_CONTEXT', '', { DOCKER_CONTEXT: 'elsewhere' }, 'tcp://127.0.0.1:1'],
    ['DOCKER_HOST before it', '', { DOCKER_HOST: 'unix:///a', DOCKER_CONTEXT: 'elsewhere' }, 'unix:///a'],
    ['the runbook before all', 'unix:///b', { DOCKER_HOST: 'unix:///a' }, 'unix:///b'],
    ['none', '', { DOCKER_CONTEXT: 'default' }, 'unix:///var/run/docker.sock'],
  ])('%s', (_what, named, env, host) => {
    expect(engineAddress(named, { DOCKER_CONFIG: config, ...env }).host).toBe(host)
  })

  test('one that is not there is named', () => {
    expect(() => engineAddress('', { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'gone' })).toThrow(
      'Docker context gone: there is no such context',
    )
  })

  test('one with certificates is spoken to with them', () => {
    const authority = createAuthority(join(folder, 'context-authority'), 'context-ca')
    const certificates = authority.clientFolder('by-context')
    const files = ['ca', 'cert', 'key'].map(name => `${name}=${join(certificates, `${name}.pem`)}`).join(',')
    docker('context', 'create', 'secured', '--docker', `host=tcp://127.0.0.1:1,${files}`)

    const { tls } = engineAddress('', { DOCKER_CONFIG: config, DOCKER_CONTEXT: 'secured' })

    expect(tls?.ca).toEqual(readFileSync(authority.ca))
    expect(tls?.rejectUnauthorized).toBe(true)
  })
})

test.each([
  ['unix:///nowhere/docker.sock', 'does not answer'],
  ['tcp://127.0.0.1:1', 'does not answer'],
  ['npipe:////./pipe/docker_engine', 'DOCKER_HOST is'],
  ['nonsense', 'DOCKER_HOST is'],
])('%s', async (host, message) => {
  await expect(open(host, adapters({}))).rejects.toThrow(message)
})
