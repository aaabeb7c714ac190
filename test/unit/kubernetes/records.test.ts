import { brotliCompressSync, constants } from 'node:zlib'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../../shared/host/clock.ts'
import { createClient, type Client } from '../../../shared/targets/kubernetes/api/client.ts'
import { createRecordStore } from '../../../shared/targets/kubernetes/state/records.ts'

/** So many MiB of blanks, at the fastest level. */
function bombOf(size: number): Buffer {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 1 }
  return brotliCompressSync(Buffer.alloc(size * 2 ** 20, ' '), { params })
}

// A Secret that an account with the right to write Secrets put where a record was.
const body = { version: 'v1.0.0', image: 'registry.example.com/api@sha256:1', manifests: [] }
const records: Record<string, { id: string; packed: Buffer; annotations?: Record<string, string> }> = {
  'runbook-api-0': { id: 'r1', packed: bombOf(256) },
  'runbook-api-1': { id: 'r2', packed: brotliCompressSync(JSON.stringify(body)) },
  'runbook-api-2': { id: 'r3', packed: Buffer.from('no brotli') },
  'runbook-api-3': {
    id: 'r4',
    packed: brotliCompressSync(JSON.stringify(body)),
    annotations: {
      'runbook/snapshot': bombOf(64).toString('base64'),
    },
  },
}
const server = createServer(({ url = '' }, response) => {
  const name = url.split('/').at(-1) ?? ''
  const found = records[name]
  const secret = found && {
    metadata: {
      name,
      labels: { 'runbook/release': found.id, 'runbook/part': '1-of-1' },
      annotations: found.annotations,
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
    data: { payload: found.packed.toString('base64') },
  }
  response.writeHead(secret ? 200 : 404).end(JSON.stringify(secret ?? { message: 'not found' }))
})
let client: Client

beforeAll(async () => {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const connection = {
    server: new URL(`http://127.0.0.1:${port}`),
    agent: {},
    authorize: () => Promise.resolve({ authorization: 'Bearer x' }),
  }
  client = createClient(connection, systemClock, new AbortController().signal)
})
afterAll(async () => {
  client.close()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

test('a record that unpacks to hundreds of megabytes is refused by the name of its Secret', async () => {
  const store = createRecordStore(client, 'api', 'shop')
  await expect(store.load('r1', [0])).rejects.toMatchObject({
    reason: 'too-large',
    message: 'the record of r1 is larger than 64 MiB; the rest was not read',
    hint: expect.stringContaining('runbook-api-0 of namespace shop') as unknown,
  })
  await expect(store.load('r4', [3])).rejects.toMatchObject({ reason: 'too-large' })
})

test('a record that is damaged is said to be lost, and is no bug', async () => {
  const store = createRecordStore(client, 'api', 'shop')
  await expect(store.load('r3', [2])).rejects.toMatchObject({ reason: 'record-lost' })
})

test('the records that can be read are found all the same', async () => {
  const found = await createRecordStore(client, 'api', 'shop').survey()
  expect(found.map(({ id, version }) => ({ id, version }))).toEqual([{ id: 'r2', version: 'v1.0.0' }])
})
