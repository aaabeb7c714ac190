import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import type { TargetPorts } from '../../../shared/commands/step/ports.ts'
import { noise, openScene, succeeded, type Scene } from './scene.ts'
import { openS3Proxy, type Fault, type S3Proxy } from './s3-proxy.ts'

let scene: Scene
let proxy: S3Proxy
/** What happens to the next requests. */
let decide: (line: string) => Fault | undefined
let hits: number
beforeAll(async () => {
  scene = await openScene()
  await scene.sql(noise(2_000))
})
afterAll(() => scene.close())
beforeEach(async () => {
  decide = () => undefined
  hits = 0
  proxy = await openS3Proxy(scene.lab.s3.endpoint, line => decide(line))
})
afterEach(() => proxy.close())

function storeVariables(): Record<string, string> {
  const { accessKeyId, secretAccessKey, region } = scene.lab.s3
  return {
    PATH: process.env['PATH'] ?? '',
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_REGION: region,
  }
}

function backUp(ports: Partial<TargetPorts> = {}): Promise<Outcome> {
  return scene.backUp({ destination: `s3://${scene.bucket}` }, { env: storeVariables(), ...ports })
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

test('a store that is slow with everything is waited for', async () => {
  decide = () => ({ kind: 'slow', ms: 30 })
  expect(succeeded(await backUp()).outputs).toMatchObject({ verified: 'true' })
})

// At once the dump is still being read; half a second later all of it is, and only the store is waited for.
test.each([0, 500])(
  'a store that falls silent is given up with the run, which leaves nothing of it (%i ms)',
  async ms => {
    const before = await scene.bucketContents()
    const late = new AbortController()
    decide = line => {
      if (!/^PUT .*partNumber=2&/.test(line)) return undefined
      setTimeout(() => late.abort(new Error('cancelled')), ms)
      return { kind: 'stall' }
    }
    expect(await backUp({ signal: late.signal })).toMatchObject({ status: 'failure', reason: 'cancelled' })
    expect(await scene.bucketContents()).toEqual(before)
  },
  60_000,
)

/** As S3 says it. */
const expired =
  '<?xml version="1.0"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>'

test('credentials that expire mid-way are said as such; what could not be removed then, a later run removes', async () => {
  const before = await scene.bucketContents()
  let over = false
  decide = line => {
    over ||= /^PUT .*partNumber=2&/.test(line)
    return over ? { kind: 'status', status: 400, body: expired } : undefined
  }
  const outcome = await backUp()
  expect(outcome).toMatchObject({ status: 'failure', reason: 'backup-failed', outputs: {} })
  expect(outcome.summary).toContain('ExpiredToken')
  expect(outcome.next).toContain('new credentials')
  await leavesOneUpload(before)
})

test('a run that is killed mid-way leaves no object, and what it leaves, a later run removes', async () => {
  const before = await scene.bucketContents()
  const { environment, url, bucket } = scene
  const inputs = {
    environment: environment.name,
    'database-url': url,
    destination: `s3://${bucket}`,
    verify: 'none',
  }
  decide = line => {
    if (!/^PUT .*partNumber=2&/.test(line)) return undefined
    child.kill('SIGKILL')
    return { kind: 'stall' }
  }
  const step = join(import.meta.dirname, 'run-step.ts')
  const child = spawn(process.execPath, [step, 'backup-db', JSON.stringify({ environment, inputs })], {
    stdio: 'inherit',
    env: storeVariables(),
  })
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  await leavesOneUpload(before)
})

/** No object is there that was not before, and the half upload goes with the next run, once it is old enough. */
async function leavesOneUpload(before: string[]): Promise<void> {
  decide = () => undefined
  const after = await scene.bucketContents()
  expect(after.filter(name => !before.includes(name))).toEqual([
    expect.stringMatching(/^upload \d{8}\/backup_/),
  ])
  const clock = { ...systemClock, now: () => Date.now() + 2 * 86_400_000 }
  succeeded(await backUp({ clock }))
  expect((await scene.bucketContents()).filter(name => name.startsWith('upload'))).toEqual([])
}
