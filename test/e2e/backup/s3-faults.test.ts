import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { openScene, succeeded, type Scene } from './scene.ts'
import { openS3Proxy, type Fault, type S3Proxy } from './s3-proxy.ts'

let scene: Scene
let proxy: S3Proxy
/** What happens to the next requests. */
let decide: (line: string) => Fault | undefined
let hits: number
beforeAll(async () => {
  scene = await openScene()
  await scene.sql(
    `CREATE TABLE noise (i int, bytes bytea); ALTER TABLE noise ALTER bytes SET STORAGE EXTERNAL;
     INSERT INTO noise SELECT i, (SELECT string_agg(decode(md5(i || '-' || j), 'hex'), '') FROM generate_series(1, 640) j)
       FROM generate_series(1, 2000) i`,
  )
}, 60_000)
afterAll(() => scene.close())
beforeEach(async () => {
  decide = () => undefined
  hits = 0
  proxy = await openS3Proxy(scene.lab.s3.endpoint, line => decide(line))
})
afterEach(() => proxy.close())

function backUp(): Promise<Outcome> {
  const { accessKeyId, secretAccessKey, region } = scene.lab.s3
  const env = {
    PATH: process.env['PATH'],
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
  }
  return scene.backUp({ destination: `s3://${scene.bucket}` }, { env })
}

/** A fault for the first `times` requests that match; how many did is counted. */
function first(times: number, pattern: RegExp, fault: Fault): (line: string) => Fault | undefined {
  return line => (pattern.test(line) && hits++ < times ? fault : undefined)
}

test.each<[string, RegExp, Fault]>([
  ['the first part is refused with 500', /^PUT .*partNumber=1&/, { kind: 'status', status: 500 }],
  ['the second part is refused with 503', /^PUT .*partNumber=2&/, { kind: 'status', status: 503 }],
  ['the last part is reset', /^PUT .*partNumber=3&/, { kind: 'reset' }],
  ['the upload is begun on a bad line', /^POST .*uploads/, { kind: 'reset' }],
  ['the answer to its completion is lost', /^POST .*uploadId=/, { kind: 'cut', bytes: 0 }],
  ['the answer to the manifest is lost', /^PUT .*\.json/, { kind: 'cut', bytes: 0 }],
  ['the manifest is refused with 500', /^PUT .*\.json/, { kind: 'status', status: 500 }],
  ['the download is cut twice', /^GET .*\.dump\.zst/, { kind: 'cut', bytes: 5_000_000 }],
])(
  'a backup is well although %s',
  async (_what, pattern, fault) => {
    decide = first(2, pattern, fault)
    expect(succeeded(await backUp()).outputs).toMatchObject({ verified: 'true' })
    // Twice refused, and once more for what went well.
    expect(hits).toBeGreaterThan(2)
  },
  60_000,
)

test.each<[string, RegExp]>([
  ['a part', /^PUT .*partNumber=2&/],
  ['the manifest', /^PUT .*\.json/],
])(
  'a store that takes everything but %s has no backup, and nothing of it',
  async (_what, pattern) => {
    const before = await scene.bucketContents()
    decide = first(Infinity, pattern, { kind: 'status', status: 500 })
    const outcome = await backUp()
    expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
    expect(await scene.bucketContents()).toEqual(before)
  },
  60_000,
)
