import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { openStore } from '../../../shared/backup/storage/open-store.ts'

/* What is sent to the store, to a proxy before it, and to the service that gives credentials for a token. */

interface Seen {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

let server: Server
let origin: string
let seen: Seen[]
beforeEach(async () => {
  seen = []
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers, body })
      response.setHeader('ETag', '"e"').setHeader('x-amz-checksum-sha256', 'c3Vt')
      if (url.startsWith('/forbidden')) response.statusCode = 403
      response.end(answerTo(method, url, body))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

function answerTo(method: string, url: string, body: string): string {
  if (body.includes('AssumeRoleWithWebIdentity')) return temporaryCredentials
  if (url.includes('/_apis/token')) return '{"count":1,"value":"the-token-of-github"}'
  if (url.includes('uploads')) return '<R><UploadId>u1</UploadId></R>'
  return url.includes('uploadId') && method === 'POST' ? '<R><ETag>"e"</ETag></R>' : ''
}

/** As https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html has it. */
const temporaryCredentials = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Credentials>
      <SessionToken>session-token</SessionToken>
      <SecretAccessKey>temporary-secret</SecretAccessKey>
      <Expiration>2099-01-01T00:00:00Z</Expiration>
      <AccessKeyId>ASIATEMPORARY</AccessKeyId>
    </Credentials>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/backups/run</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:run</AssumedRoleId>
    </AssumedRoleUser>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`

const keys = { AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' }
const { signal } = new AbortController()

async function put(destination: string, env: Record<string, string>, bytes = 10): Promise<void> {
  const store = await openStore('destination', destination, env)
  await store.put('20260101/x.json', Readable.from([Buffer.alloc(bytes)]), { expectedBytes: bytes, signal })
}

test('the endpoint of a destination is used, and is no part of what is written down', async () => {
  const store = await openStore('destination', `s3://bucket/a/b?endpoint=${origin}`, keys)
  expect(store.uri).toBe('s3://bucket/a/b')
  await put(`s3://bucket/a/b?endpoint=${origin}`, keys)
  expect(seen[0]).toMatchObject({ method: 'PUT' })
  expect(seen[0]?.url).toMatch(/^\/bucket\/a\/b\/20260101\/x\.json/)
  expect(seen[0]?.headers['if-none-match']).toBe('*')
})

test('what guards an object is sent with it', async () => {
  await put(
    `s3://bucket?endpoint=${origin}&sse=aws:kms&kms-key=alias/backups&lock=compliance&lock-days=30`,
    keys,
  )
  expect(seen[0]?.headers).toMatchObject({
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'alias/backups',
    'x-amz-object-lock-mode': 'COMPLIANCE',
    // A store takes nothing that is locked without a checksum.
    'x-amz-checksum-sha256': expect.any(String),
  })
  const until = Date.parse(String(seen[0]?.headers['x-amz-object-lock-retain-until-date']))
  expect(Math.round((until - Date.now()) / 86_400_000)).toBe(30)
})

test('of an upload in parts, its beginning is guarded, and every part has its checksum', async () => {
  await put(`s3://bucket?endpoint=${origin}&sse=AES256&lock=governance&lock-days=1`, keys, 9 * 2 ** 20)
  const begun = seen.find(({ url }) => url.includes('uploads'))
  expect(begun?.headers).toMatchObject({
    'x-amz-server-side-encryption': 'AES256',
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-checksum-algorithm': 'SHA256',
  })
  const parts = seen.filter(({ url }) => url.includes('partNumber'))
  expect(parts).toHaveLength(2)
  for (const part of parts) expect(part.headers['x-amz-checksum-sha256']).toEqual(expect.any(String))
  expect(seen.at(-1)?.body).toContain('<ChecksumSHA256>c3Vt</ChecksumSHA256>')
})

test.each([
  ['sse=none', 'sse'],
  ['kms-key=x', 'sse'],
  ['kms-key=x&sse=AES256', 'sse'],
  ['lock=forever&lock-days=3', 'lock'],
  ['lock=compliance', 'lock-days'],
  ['lock=compliance&lock-days=0', 'lock-days'],
  ['lock-days=3', 'lock'],
  ['endpoint=ftp://x', 'endpoint'],
  ['acl=public-read', 'acl'],
])('?%s is refused', async (query, name) => {
  const refusal: unknown = await openStore('destination', `s3://bucket?${query}`, keys).catch(
    (e: unknown) => e,
  )
  expect(refusal).toBeInstanceOf(InputError)
  expect(String(refusal)).toContain(name)
})

test('a proxy is gone through, but not to what NO_PROXY names', async () => {
  const env = { ...keys, HTTP_PROXY: origin, NO_PROXY: '127.0.0.1' }
  await put('s3://bucket?endpoint=http://store.example.test:9000', env)
  expect(seen[0]?.url).toMatch(/^http:\/\/store\.example\.test:9000\/bucket\//)
  await put(`s3://bucket?endpoint=${origin}`, env)
  expect(seen[1]?.url).toMatch(/^\/bucket\//)
})

const role = {
  AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/backups',
  AWS_ROLE_SESSION_NAME: 'run',
  AWS_REGION: 'eu-central-1',
}

function exchanged(token: string, [asked, put]: Seen[]): void {
  expect(Object.fromEntries(new URLSearchParams(asked?.body))).toMatchObject({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: 'arn:aws:iam::123456789012:role/backups',
    RoleSessionName: 'run',
    WebIdentityToken: token,
  })
  // The request for credentials bears none.
  expect(asked?.headers.authorization).toBeUndefined()
  expect(put?.headers).toMatchObject({
    'x-amz-security-token': 'session-token',
    authorization: expect.stringMatching(/Credential=ASIATEMPORARY\/\d{8}\/eu-central-1\/s3\//),
  })
}

test('a token in a file is exchanged for the credentials of a role', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'token-'))
  try {
    const file = join(folder, 'token')
    writeFileSync(file, 'the-token-of-the-job\n')
    const env = { ...role, AWS_WEB_IDENTITY_TOKEN_FILE: file, AWS_ENDPOINT_URL_STS: origin }
    await put(`s3://bucket?endpoint=${origin}`, env)
    exchanged('the-token-of-the-job', seen)
    await expect(
      put(`s3://bucket?endpoint=${origin}`, { ...env, AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'none') }),
    ).rejects.toMatchObject({ message: expect.stringContaining('cannot be read') })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("GitHub's token for the job is asked for and exchanged, both through the proxy", async () => {
  const env = {
    ...role,
    ACTIONS_ID_TOKEN_REQUEST_URL: 'http://token.example.test/_apis/token?api-version=2.0',
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'bearer-of-the-job',
    AWS_ENDPOINT_URL_STS: 'http://sts.example.test',
    HTTP_PROXY: origin,
  }
  await put('s3://bucket?endpoint=http://store.example.test', env)
  expect(seen[0]).toMatchObject({
    method: 'GET',
    url: 'http://token.example.test/_apis/token?api-version=2.0&audience=sts.amazonaws.com',
    headers: { authorization: 'Bearer bearer-of-the-job' },
  })
  expect(seen[1]?.url).toBe('http://sts.example.test/')
  exchanged('the-token-of-github', seen.slice(1))
})

test('a job that may not ask for a token is told the permission that it lacks', async () => {
  const env = { ...role, ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/forbidden` }
  await expect(put(`s3://bucket?endpoint=${origin}`, env)).rejects.toMatchObject({
    message: expect.stringContaining('status 403'),
    hint: expect.stringContaining('id-token: write'),
  })
})
