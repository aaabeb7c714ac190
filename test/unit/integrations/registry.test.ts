import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { systemExec } from '../../../shared/host/exec.ts'
import { resolveImage } from '../../../shared/integrations/registry/registry.ts'
import { realmFault } from '../../../shared/integrations/registry/token-realm.ts'

const manifest = '{"schemaVersion":2}'
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`
const [user, password] = ['ada', 'pass:word']

/** A registry as far as manifests go: what it asks for is set by each test. */
interface Fake {
  host: string
  /** `METHOD path`, and who asked. */
  asked: string[]
  guard: 'none' | 'basic' | 'bearer'
  saysDigest: boolean
  /** Digest that it says, whatever it is asked for; empty: the right one. */
  lies: string
  /** Where its challenge sends those who ask; empty: to itself. */
  realm: string
  /** Where it redirects requests of manifests; empty: nowhere. */
  redirect: string
  close(): Promise<void>
}

async function openFake(): Promise<Fake> {
  const fake: Fake = {
    host: '',
    asked: [],
    guard: 'none',
    saysDigest: true,
    lies: '',
    realm: '',
    redirect: '',
    close: () => Promise.resolve(),
  }
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  const allowed = ({ headers }: IncomingMessage) => {
    if (fake.guard === 'none') return true
    return headers.authorization === (fake.guard === 'basic' ? basic : 'Bearer let-me-in')
  }
  const reply = (
    asked: IncomingMessage,
  ): { status: number; body: string; headers?: Record<string, string> } => {
    const { url = '', headers } = asked
    if (fake.redirect !== '') return { status: 307, body: '', headers: { location: fake.redirect } }
    if (url.startsWith('/token')) {
      const status = headers.authorization === basic ? 200 : 401
      return { status, body: JSON.stringify({ token: 'let-me-in' }) }
    }
    if (!allowed(asked)) {
      const bearer = `Bearer realm="${fake.realm || `http://${fake.host}/token`}",service="fake",scope="repository:org/api:pull"`
      const challenge = fake.guard === 'basic' ? 'Basic realm="x"' : bearer
      return { status: 401, body: '{}', headers: { 'www-authenticate': challenge } }
    }
    if (!/^\/v2\/org\/api\/manifests\/(v1|sha256:)/.test(url))
      return { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}' }
    if (!headers.accept?.includes('application/vnd.oci.image.index.v1+json'))
      return { status: 406, body: '{}' }
    return {
      status: 200,
      body: manifest,
      ...(fake.saysDigest ? { headers: { 'docker-content-digest': fake.lies || digest } } : {}),
    }
  }
  const server = http.createServer((asked, answer) => {
    fake.asked.push(`${asked.method ?? ''} ${asked.url ?? ''}`)
    const { status, body, headers = {} } = reply(asked)
    answer.writeHead(status, headers)
    answer.end(asked.method === 'HEAD' ? undefined : body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address && typeof address === 'object') fake.host = `127.0.0.1:${address.port}`
  fake.close = () => new Promise(resolve => void server.close(() => resolve()))
  return fake
}

let fake: Fake
let home = ''
beforeEach(async () => {
  fake = await openFake()
  home = mkdtempSync(join(tmpdir(), 'rb-registry-'))
})
afterEach(async () => {
  rmSync(home, { recursive: true })
  await fake.close()
})

function resolve(reference: string) {
  return resolveImage(reference, {
    env: { DOCKER_CONFIG: home, PATH: `${home}:${process.env['PATH'] ?? ''}` },
    exec: systemExec,
    signal: new AbortController().signal,
  })
}

function logIn(config: object): void {
  writeFileSync(join(home, 'config.json'), JSON.stringify(config))
}

const auth = Buffer.from(`${user}:${password}`).toString('base64')

test('a tag becomes a digest, in one question', async () => {
  expect(await resolve(`${fake.host}/org/api:v1`)).toEqual({
    pinned: `${fake.host}/org/api@${digest}`,
    digest,
  })
  expect(fake.asked).toEqual(['HEAD /v2/org/api/manifests/v1'])
})

test('a registry that does not say the digest has its manifest hashed', async () => {
  fake.saysDigest = false
  expect((await resolve(`${fake.host}/org/api:v1`)).digest).toBe(digest)
})

test('the login that docker login left is shown, by itself', async () => {
  fake.guard = 'basic'
  logIn({ auths: { [fake.host]: { auth } } })
  expect((await resolve(`${fake.host}/org/api:v1`)).digest).toBe(digest)
})

test('or to the token service that the registry names', async () => {
  fake.guard = 'bearer'
  logIn({ auths: { [`http://${fake.host}/v2/`]: { auth } } })
  expect((await resolve(`${fake.host}/org/api:v1`)).digest).toBe(digest)
  expect(fake.asked[1]).toBe('GET /token?service=fake&scope=repository%3Aorg%2Fapi%3Apull')
})

test('a credential helper is asked on its standard input', async () => {
  fake.guard = 'basic'
  logIn({ credHelpers: { [fake.host]: 'fake' } })
  const helper = join(home, 'docker-credential-fake')
  writeFileSync(
    helper,
    `#!/bin/sh\n[ "$1" = get ] && [ "$(cat)" = "${fake.host}" ] && echo '{"Username":"${user}","Secret":"${password}"}'\n`,
  )
  chmodSync(helper, 0o755)
  expect((await resolve(`${fake.host}/org/api:v1`)).digest).toBe(digest)
})

test('a helper that is not there is no login: the registry is told apart from the missing image', async () => {
  fake.guard = 'basic'
  logIn({ credsStore: 'nowhere' })
  await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toMatchObject({
    code: 401,
    hint: expect.stringContaining(`docker login ${fake.host}`),
  })
})

test('an image that is not there says what to check', async () => {
  await expect(resolve(`${fake.host}/org/api:nope`)).rejects.toMatchObject({
    code: 404,
    message: `${fake.host} has no image ${fake.host}/org/api:nope`,
    stderr: 'manifest unknown',
    hint: expect.stringContaining('pushed'),
  })
})

test('no password ever stands in an error', async () => {
  fake.guard = 'basic'
  logIn({ auths: { [fake.host]: { username: user, password: 'wrong-secret' } } })
  const refused = await resolve(`${fake.host}/org/api:v1`).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 401 })
  expect(JSON.stringify(refused, Object.getOwnPropertyNames(refused))).not.toContain('wrong-secret')
})

test('a registry that is not there is told as one that cannot be asked', async () => {
  const { host } = fake
  await fake.close()
  await expect(resolve(`${host}/org/api:v1`)).rejects.toThrow(
    `the registry ${host} cannot be asked: connection refused`,
  )
  fake = await openFake()
})

test('a config.json that is none is the caller to fix', async () => {
  writeFileSync(join(home, 'config.json'), '{')
  await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toThrow('is not JSON')
})

describe('what a registry says of a digest', () => {
  const other = `sha256:${'b'.repeat(64)}`

  test.each([[true], [false]])('is compared with it (in the header: %s)', async saysDigest => {
    fake.saysDigest = saysDigest
    expect((await resolve(`${fake.host}/org/api@${digest}`)).digest).toBe(digest)
    await expect(resolve(`${fake.host}/org/api@${other}`)).rejects.toMatchObject({
      reason: 'image-mismatch',
      message: `${fake.host} was asked for ${fake.host}/org/api@${other}, and answered with ${digest}`,
    })
  })

  test('is not the digest of another manifest that it sends', async () => {
    fake.lies = other
    await expect(resolve(`${fake.host}/org/api@${digest}`)).rejects.toMatchObject({
      reason: 'image-mismatch',
    })
  })
})

describe('a login', () => {
  const accepted = Buffer.from(`${user}:${password}`).toString('base64')

  /** A server that is not the registry: what it was sent. */
  async function openOther(headers: Record<string, string> = {}, status = 200) {
    const seen: string[] = []
    const server = http.createServer((request, response) => {
      seen.push(`${request.url} ${request.headers.authorization ?? ''}`)
      response.writeHead(status, headers).end('{"token":"let-me-in"}')
    })
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
    const address = server.address()
    const port = address && typeof address === 'object' ? address.port : 0
    return { origin: `http://127.0.0.1:${port}`, seen, close: () => server.close() }
  }

  test('does not go to a token service at another address over http, and neither does a question without one', async () => {
    const other = await openOther()
    fake.guard = 'bearer'
    fake.realm = `${other.origin}/token`
    const refused = { reason: 'registry-untrusted', hint: expect.stringContaining('image.token-hosts') }
    await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toMatchObject(refused)
    logIn({ auths: { [fake.host]: { auth: accepted } } })
    await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toMatchObject(refused)
    expect(other.seen).toEqual([])
    other.close()
  })

  test('is not shown to what the registry redirects to, neither with the request nor by its challenge', async () => {
    const other = await openOther({ 'www-authenticate': 'Basic realm="x"' }, 401)
    logIn({ auths: { [fake.host]: { auth: accepted } } })
    fake.redirect = `${other.origin}/v2/stolen`
    await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toMatchObject({ code: 401 })
    expect(other.seen).toEqual(['/v2/stolen ', '/v2/stolen '])
    other.close()
  })

  test('a token that is no token is no login', async () => {
    fake.guard = 'bearer'
    const other = await openOther()
    fake.realm = `http://${fake.host}/nowhere`
    logIn({ auths: { [fake.host]: { auth: accepted } } })
    await expect(resolve(`${fake.host}/org/api:v1`)).rejects.toMatchObject({ code: 401 })
    other.close()
  })
})

describe('a token service', () => {
  const fault = (registry: string, realm: string, named: string[] = []) =>
    realmFault(new URL(registry), new URL(realm), named)

  test.each([
    ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
    ['https://ghcr.io', 'https://ghcr.io/token'],
    ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
    ['https://registry.example.co.uk', 'https://gitlab.example.co.uk/jwt/auth'],
    ['https://rg.fr-par.scw.cloud', 'https://api.scaleway.com/registry-internal/v1/regions/fr-par/tokens'],
    ['https://registry.example.com:5000', 'https://registry.example.com:8443/token'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:5000/token'],
  ])('of %s may be %s', async (registry, realm) => {
    expect(await fault(registry, realm)).toBeUndefined()
  })

  test.each([
    ['https://registry.example.com', 'http://registry.example.com/token', 'not https'],
    ['https://registry.example.com', 'http://127.0.0.1:9/token', 'http at another address'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:6379/token', 'http at another address'],
    ['https://registry.example.com', 'https://evil.example/token', 'another domain'],
    ['https://registry.example.co.uk', 'https://evil.co.uk/token', 'another domain'],
    ['https://mine.azurecr.io', 'https://evil.azurecr.io/token', 'another domain'],
    ['https://10.0.0.5', 'https://169.254.169.254/token', 'another domain'],
    ['https://registry.example.com', 'https://auth.docker.io/token', 'another domain'],
    ['https://registry.example.com', 'https://user:pw@registry.example.com/token', 'a user or a password'],
  ])('of %s may not be %s: %s', async (registry, realm, why) => {
    expect(await fault(registry, realm)).toContain(why)
  })

  test('is also what the runbook names', async () => {
    const [registry, realm] = ['https://registry.example.com', 'https://auth.example.net/token']
    expect(await fault(registry, realm, ['auth.example.net'])).toBeUndefined()
  })
})
