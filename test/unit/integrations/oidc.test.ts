import { createSign, generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openHttp } from '../../../shared/integrations/http/http.ts'
import { oidcSubject } from '../../../shared/integrations/github/oidc.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'

// GitHub's issuer cannot be had here: this is an Enterprise Server's, whose issuer is its own.
const [own, foreign] = [1, 2].map(() => generateKeyPairSync('rsa', { modulusLength: 2_048 }))
const now = Date.UTC(2026, 0, 1)
const http = openHttp('fresh')
let server: Server
let base: string
let token: string
let asked: string[]

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`.trim())
    if (request.url?.startsWith('/token')) response.end(JSON.stringify({ value: token }))
    else if (request.url === '/_services/token/.well-known/jwks')
      response.end(JSON.stringify({ keys: [{ kid: 'k1', ...own?.publicKey.export({ format: 'jwk' }) }] }))
    else response.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  http.close()
  await new Promise(resolve => server.close(resolve))
})

function sign(claims: object, head: object = {}, pair = own): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', kid: 'k1', ...head })}.${part({
    iss: `${base}/_services/token`,
    aud: 'runbook-actions',
    exp: now / 1_000 + 300,
    sub: 'repo:org/api:environment:production',
    ...claims,
  })}`
  const signature = pair ? createSign('RSA-SHA256').update(text).sign(pair.privateKey, 'base64url') : ''
  return `${text}.${signature}`
}

async function subjectOf(signed: string, env: Record<string, string> = {}) {
  ;[token, asked] = [signed, []]
  const secrets = createSecrets()
  const subject = await oidcSubject({
    env: {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${base}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'bearer-of-the-job',
      GITHUB_SERVER_URL: base,
      ...env,
    },
    secrets,
    now,
    request: request => http.request(request),
  })
  return { subject, shown: secrets.redact(signed) }
}

test('the subject is what the issuer signed; the token is asked for these actions alone, and is masked', async () => {
  const { subject, shown } = await subjectOf(sign({}))
  expect(subject).toBe(`repo:org/api:environment:production of ${base}/_services/token`)
  expect(shown).not.toContain(token)
  expect(asked).toEqual([
    '/token?api-version=2.0&audience=runbook-actions Bearer bearer-of-the-job',
    '/_services/token/.well-known/jwks',
  ])
})

test('a job without the permission has none, and nothing is asked', async () => {
  const { subject } = await subjectOf(sign({}), { ACTIONS_ID_TOKEN_REQUEST_URL: '' })
  expect({ subject, asked }).toEqual({ subject: undefined, asked: [] })
})

test.each([
  ['a key of another', () => sign({}, {}, foreign), 'the signature'],
  ['no signature', () => sign({}, { alg: 'none' }), 'a key that its issuer does not list'],
  ['a key that is not listed', () => sign({}, { kid: 'k2' }), 'a key that its issuer does not list'],
  ['another issuer', () => sign({ iss: 'http://127.0.0.1:1/_services/token' }), 'the issuer of the token'],
  [
    'an issuer that only begins alike',
    () => sign({ iss: 'https://token.actions.githubusercontent.com.example.com' }),
    'the issuer of the token',
  ],
  ['another audience', () => sign({ aud: 'https://github.com/org' }), 'another audience'],
  ['a time that is over', () => sign({ exp: now / 1_000 - 600 }), 'has run out'],
  ['no subject', () => sign({ sub: 7 }), 'names no subject'],
])('a token with %s is not believed', async (_what, made, why) => {
  await expect(subjectOf(made())).rejects.toThrow(why)
})
