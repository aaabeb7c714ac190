import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemExec as exec } from '../../../shared/platform/exec.ts'
import { readImageConfig } from '../../../shared/platform/image-config.ts'

const digestOf = (content: object) =>
  `sha256:${createHash('sha256').update(JSON.stringify(content)).digest('hex')}`
const config = (architecture: string, User: string, Volumes?: object) => ({
  os: 'linux',
  architecture,
  config: { User, Volumes },
})
const manifest = (of: object) => ({ schemaVersion: 2, config: { digest: digestOf(of) } })

const [arm, amd] = [config('arm64', 'root'), config('amd64', '1000:1000', { '/data': {} })]
const index = {
  schemaVersion: 2,
  manifests: [
    { digest: digestOf(manifest(arm)), platform: { os: 'linux', architecture: 'arm64' } },
    { digest: digestOf(manifest(amd)), platform: { os: 'linux', architecture: 'amd64' } },
  ],
}
const contents = new Map(
  [manifest(arm), manifest(amd), arm, amd].map(each => [digestOf(each), JSON.stringify(each)]),
)

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
    else response.writeHead(contents.has(name) ? 200 : 404).end(contents.get(name))
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  host = `127.0.0.1:${(registry.address() as AddressInfo).port}`
})
afterAll(() => {
  registry.close()
  registry.closeAllConnections()
})

const read = (reference: string) =>
  readImageConfig(`${host}/api${reference}`, { env: {}, exec, signal: new AbortController().signal })

test('of several platforms, it is that of Linux on amd64; a digest means its own', async () => {
  expect(await read(':v1')).toEqual({ user: '1000:1000', platform: 'linux/amd64', volumes: ['/data'] })
  expect(await read(`@${digestOf(manifest(arm))}`)).toEqual({
    user: 'root',
    platform: 'linux/arm64',
    volumes: [],
  })
})

test('an image that is not there, and something that is no registry, are named', async () => {
  await expect(read(':v2')).rejects.toThrow(`${host} has no image ${host}/api:v2`)
  await expect(read(':page')).rejects.toThrow(`${host} answered with something that is no JSON`)
})
