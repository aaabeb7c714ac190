import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { parse } from 'yaml'
import type { Target } from './fuzz.ts'

/**
 * Readers of what this suite keeps on its targets and in backup stores, where others can write, too. An input is what comes
 * out of the decompression: what a bit of damage to the compressed bytes does is stated by unit tests.
 */
export async function storedState(): Promise<Target[]> {
  const { emptyLedger } = await import('../../shared/release/ledger.ts')
  const { resolveRelease, unsettled, usualStart, wayBack } = await import('../../shared/release/ledger.ts')
  const { unpackRecord, unpackState } = await import('../../shared/targets/docker/state/record.ts')
  const { authentic, digestsOf } = await import('../../shared/targets/docker/state/record-copy.ts')
  const { keepSecret } = await import('../../shared/targets/docker/state/keep-secret.ts')
  const { describeAccess, wider } = await import('../../shared/targets/docker/state/host-access.ts')
  const { parsePayload, parseState } = await import('../../shared/targets/process/store.ts')
  const processSecrets = await import('../../shared/targets/process/keep-secret.ts')
  const { parseState: parseLease } = await import('../../shared/targets/kubernetes/state/lease-store.ts')
  const { unpackBody, unpackMade, unpackSnapshot } =
    await import('../../shared/targets/kubernetes/state/record-format.ts')
  const { checkedRecords } = await import('../../shared/targets/kubernetes/state/checked-records.ts')
  const { reconcile } = await import('../../shared/targets/kubernetes/rollout/slots.ts')
  const { decodeVerification } = await import('../../shared/commands/verify/recorded-verification.ts')
  const { readLedgerCopies } = await import('../../shared/backup/storage/ledger-copy.ts')
  const empty = emptyLedger('api', 'live')
  type Ledger = typeof empty
  const looked = (ledger: Ledger) => [
    ledger,
    unsettled(ledger),
    wayBack(ledger),
    usualStart(ledger),
    resolveRelease(ledger, 'v1.0.0'),
  ]
  const owner = {
    adapters: { secrets: { add: () => undefined } },
    environment: { service: 'api', name: 'live' },
    spec: { container: 'api', app: 'api' },
  }
  const brotli = (input: Buffer) =>
    brotliCompressSync(input, { params: { [constants.BROTLI_PARAM_QUALITY]: 0 } })
  return [
    {
      name: 'docker-record',
      read(input) {
        const record = unpackRecord(gzipSync(input, { level: 1 }).toString('base64'))
        if (!record) return undefined
        keepSecret(owner as never, record)
        return [record, describeAccess(wider(record.payload.body.create, []))]
      },
    },
    {
      name: 'docker-state',
      read(input) {
        const json = input.toString('utf8')
        const sha256 = createHash('sha256').update(json).digest('hex')
        const content = Buffer.from(JSON.stringify({ sha256, json }))
        const state = unpackState([
          { path: '0.json', content },
          { path: '1.json', content: input },
        ])
        return state && looked({ ...empty, ...state.ledger })
      },
    },
    {
      name: 'record-digests',
      read: input => authentic(digestsOf(input.toString('utf8')), [{ path: 'records/r1', content: input }]),
    },
    {
      name: 'kubernetes-lease',
      read(input) {
        const annotations = parse(input.toString('utf8'), { logLevel: 'error' }) as unknown
        // The API server keeps annotations as texts.
        if (typeof annotations !== 'object' || annotations === null) return undefined
        const texts = Object.entries(annotations).map(([key, value]) => [key, String(value)])
        const metadata = { name: 'runbook-api', annotations: Object.fromEntries(texts) as never }
        const state = parseLease({ apiVersion: 'v1', kind: 'Lease', metadata }, empty)
        return [state, looked(state.ledger), reconcile(state.slots, state.ledger)]
      },
      expects: error => error instanceof Error && error.name.startsWith('YAML'),
    },
    {
      name: 'kubernetes-record',
      async read(input) {
        const body = await unpackBody('r1', brotli(input), 'hint')
        const records = { load: () => Promise.resolve({ body, snapshot: {}, made: [] }) }
        const limits = {
          service: 'api',
          namespace: 'live',
          client: { get: () => Promise.resolve(undefined) },
          paths: { of: () => Promise.resolve('/api') },
          manifests: () => Promise.resolve([]),
        }
        return checkedRecords(records as never, limits as never).load('r1', [0])
      },
    },
    {
      name: 'kubernetes-notes',
      async read(input) {
        const text = brotli(input).toString('base64')
        const both = await Promise.allSettled([unpackSnapshot('r1', text), unpackMade('r1', text)])
        const refused = both.filter(each => each.status === 'rejected')
        // An object is a snapshot, a list is one of made objects: nothing is both.
        if (refused.length === both.length) throw refused[0]?.reason
        return both.map(each => (each.status === 'fulfilled' ? each.value : undefined))
      },
    },
    { name: 'process-state', read: input => looked(parseState(input.toString('utf8'), empty, 'f').ledger) },
    {
      name: 'process-record',
      read(input) {
        const payload = parsePayload(input.toString('utf8'), 'f')
        processSecrets.keepSecret(owner as never, payload)
        return payload
      },
    },
    {
      name: 'recorded-verification',
      expects: error => error instanceof SyntaxError,
      read(input) {
        const text = input.toString('utf8')
        return decodeVerification(text, {
          verification: createHash('sha256').update(text).digest('hex'),
        })
      },
    },
    {
      name: 'ledger-copy',
      async read(input) {
        const store = {
          uri: 'file:///store',
          list: () => Promise.resolve([copyKey]),
          get: () => Promise.resolve(Readable.from([zstdCompressSync(input)])),
        }
        const signal = new AbortController().signal
        const reading = { keys: [], encrypted: false, now: 2e12, log: { warn: () => undefined }, signal }
        const found = await readLedgerCopies(
          store as never,
          { service: 'api', environment: 'live' },
          () => Promise.reject(new Error('nothing is sealed')),
          reading,
        )
        return found && looked(found.ledger)
      },
    },
  ]
}

const copyKey = 'ledger/ledger_20261130_120000_api_live_r2_0123456789ab.json.zst'
