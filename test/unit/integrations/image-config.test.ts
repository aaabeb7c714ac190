import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemExec as exec } from '../../../shared/host/exec.ts'
import { readImageConfig } from '../../../shared/integrations/registry/image-config.ts'

const digestOf = (content: object) =>
  `sha256:${createHash('sha256').update(JSON.stringify(content)).digest('hex')}`
const config = (architecture: string, User: string, Volumes?: object, Labels?: object) => ({
  os: 'linux',
  architecture,
  config: { User, Volumes, Labels },
})
const sizeOf = (content: object) => Buffer.byteLength(JSON.stringify(content))
const manifest = (of: object) => ({ schemaVersion: 2, config: { digest: digestOf(of), size: sizeOf(of) } })

const [arm, amd] = [
  config('arm64', 'root'),
  config('amd64', '1000:1000', { '/data': {} }, { 'org.opencontainers.image.revision': 'abc' }),
]
const index = {
  schemaVersion: 2,
  manifests: [
    {
      digest: digestOf(manifest(arm)),
      size: sizeOf(manifest(arm)),
      platform: { os: 'linux', architecture: 'arm64' },
    },
    {
      digest: digestOf(manifest(amd)),
      size: sizeOf(manifest(amd)),
      platform: { os: 'linux', architecture: 'amd64' },
    },
  ],
}
const contents = new Map(
  [manifest(arm), manifest(amd), arm, amd].map(each => [digestOf(each), JSON.stringify(each)]),
)

/** By digest: what the registry sends in the place of what has it. */
const forged = new Map<string, string>()

let registry: Server
let host: string
beforeAll(async () => {
  registry = createServer((request, response) => {
    const [, kind = '', name = ''] =
      /\/v2\/api\/(manifests|blobs|stored)\/(.+)$/.exec(request.url ?? '') ?? []
    // Big registries keep blobs elsewhere.
    if (kind === 'blobs') response.writeHead(307, { location: `/v2/api/stored/${name}` }).end()
    else if (name === 'v1') response.end(JSON.stringify(index))
    else if (name === 'page') response.end('<html>')
    else if (name === 'chart') response.end('{"schemaVersion":2,"layers":[]}')
    else if (name === 'both') response.end(JSON.stringify({ ...index, ...manifest(amd) }))
    else response.writeHead(contents.has(name) ? 200 : 404).end(forged.get(name) ?? contents.get(name))
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`
})
afterEach(() => forged.clear())
afterAll(() => {
  registry.close()
  registry.closeAllConnections()
})

const read = (reference: string) =>
  readImageConfig(`${host}/api${reference}`, { env: {}, exec, signal: new AbortController().signal })

test('of several platforms, it is that of Linux on amd64; a digest means its own', async () => {
  expect(await read(':v1')).toEqual({
    ...{ user: '1000:1000', platform: 'linux/amd64', volumes: ['/data'] },
    labels: { 'org.opencontainers.image.revision': 'abc' },
  })
  expect(await read(`@${digestOf(manifest(arm))}`)).toEqual({
    user: 'root',
    platform: 'linux/arm64',
    volumes: [],
    labels: {},
  })
})

test('an image that is not there, and something that is no registry, are named', async () => {
  await expect(read(':v2')).rejects.toThrow(`${host} has no image ${host}/api:v2`)
  await expect(read(':page')).rejects.toThrow(`${host} answered with something that is no JSON`)
})

test.each([
  ['a manifest', digestOf(manifest(amd)), JSON.stringify(manifest(arm))],
  ['a configuration', digestOf(amd), JSON.stringify(config('amd64', '0:0', { '/data': {} }))],
  ['a longer configuration', digestOf(amd), `${JSON.stringify(amd)} `],
])('%s that is not what the digest names is refused, and nothing of it is used', async (_, digest, sent) => {
  forged.set(digest, sent)
  await expect(read(':v1')).rejects.toMatchObject({
    reason: 'image-mismatch',
    message: expect.stringContaining(digest),
    hint: expect.stringContaining('proxy'),
  })
})

test('a manifest that a digest names is compared with it', async () => {
  const digest = digestOf(manifest(arm))
  forged.set(digest, JSON.stringify(manifest(amd)))
  await expect(read(`@${digest}`)).rejects.toMatchObject({ reason: 'image-mismatch' })
})

test.each([[':chart'], [':both']])(
  '%s is no image: nothing, or two images under one digest',
  async reference => {
    await expect(read(reference)).rejects.toThrow('is not a container image')
  },
)
