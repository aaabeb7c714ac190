import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { renderText } from '../../../shared/report/text.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { preDeployCheck, preDeployCheckFields } from '../../../shared/commands/check/pre-deploy-check.ts'
import { openLab } from '../../lab/lab.ts'
import { createDatabase, dropDatabase } from '../../lab/tenancy.ts'
import { enterYard, pushImages, type Images, type Yard } from '../docker/yard.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { run, takeFree, recordGood, release } from '../environment-lock.ts'
import { makeFolder } from './context.ts'

const lab = openLab()
const name = `e2e_step_${process.pid}`
let folder: ReturnType<typeof makeFolder>
let images: Images
let yard: Yard
let databaseUrl: string

beforeAll(async () => {
  folder = makeFolder()
  images = pushImages()
  databaseUrl = await createDatabase(lab, name)
})
afterAll(async () => {
  await dropDatabase(lab, name)
  folder.remove()
})
beforeEach(() => {
  yard = enterYard('checks', 23_102, images)
})
afterEach(() => yard.leave())

function writeEnvFile(changes: Record<string, string> = {}): void {
  const values = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: `redis://${lab.redis.host}:${lab.redis.port}`,
    REDIS_PASSWORD: lab.redis.password,
    JWT_SECRET: randomBytes(48).toString('hex'),
    ...changes,
  }
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`)
  writeFileSync(join(folder.path, '.env'), lines.join(''), { mode: 0o600 })
}

async function check(said: Record<string, string> = {}): Promise<Outcome> {
  const { target } = await yard.open()
  const environment = environmentAt(`http://127.0.0.1:${yard.port}`, {
    root: folder.path,
    envFile: '.env',
    requires: ['DATABASE_URL', 'JWT_SECRET'],
    target: {
      kind: 'docker',
      container: yard.container,
      ports: [`${yard.port}:3000`],
      host: lab.docker.host,
    },
  })
  const inputs = { environment: 'staging', image: images.plain, version: 'v1.1.0', ...said }
  return preDeployCheck(
    { ...environment, gate: { ...environment.gate, paths: ['/'] } },
    parseInputs(preDeployCheckFields, key => new Map(Object.entries(inputs)).get(key) ?? ''),
    realPorts({ openTarget: () => Promise.resolve(target) }),
  )
}

const results = ({ evidence }: Outcome) =>
  Object.fromEntries(evidence.map(({ subject, finding }) => [subject, finding.split(':')[0]]))

async function serveGood(): Promise<void> {
  const { target } = await yard.open()
  const lock = await takeFree(target, run('1'))
  const { id } = await release(target, lock, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })
  await recordGood(lock, id)
  await lock.end()
}

describe('the pre-deploy check of a Docker environment', () => {
  test('passes where all is well, and has changed nothing', async () => {
    writeEnvFile()
    await serveGood()
    const before = yard.containers()
    // The image is busybox as root, and this says so.
    const outcome = await check({ accept: 'image-user: a test, incident 4711' })
    expect(results(outcome)).toMatchObject({
      'env-file': 'pass',
      database: 'pass',
      redis: 'pass',
      certificate: 'skip',
      service: 'pass',
      image: 'pass',
      manifests: 'pass',
      resources: 'pass',
      'rollback-possible': 'pass',
    })
    expect(outcome).toMatchObject({ status: 'success', outputs: { failed: '0', accepted: 'image-user' } })
    expect(outcome.summary).toContain('image-user failed and was accepted (a test, incident 4711)')
    expect(outcome.evidence.find(({ subject }) => subject === 'image-user')).toMatchObject({
      finding: expect.stringMatching(
        /^warn: failed, accepted by ada \(a test, incident 4711\): it runs as root/,
      ),
      next: expect.stringContaining('USER 1000:1000'),
    })
    for (const rendered of [renderText(outcome).join('\n'), renderMarkdown(outcome), JSON.stringify(outcome)])
      expect(rendered).toContain('Add USER 1000:1000 to the end of its Dockerfile')
    expect(yard.containers()).toEqual(before)
  })

  test('fails with every reason at once, and shows no secret', async () => {
    writeEnvFile({ REDIS_PASSWORD: 'not-the-password', EMAIL_API_KEY: 'CHANGE_THIS_KEY' })
    const outcome = await check({ image: `${lab.registry}/no/such:v1` })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'checks-failed' })
    expect(results(outcome)).toMatchObject({
      'env-file': 'fail',
      database: 'pass',
      redis: 'fail',
      image: 'fail',
      'rollback-possible': 'warn',
    })
    expect(outcome.summary).toContain('env-file, redis, image, image-user')
    expect(JSON.stringify(outcome)).not.toContain('not-the-password')
  })

  test('leaves out what it is told to, and records why', async () => {
    writeEnvFile({ REDIS_PASSWORD: 'wrong' })
    const outcome = await check({
      checks: 'env-file redis rollback-possible',
      skip: 'redis: moves on Friday, ticket 4711',
    })
    expect(outcome).toMatchObject({ status: 'success', outputs: { passed: '1', warned: '1', skipped: '1' } })
    expect(outcome.evidence[1]?.finding).toBe('skip: left out as asked: moves on Friday, ticket 4711')
  })

  test('fails on warnings when told to', async () => {
    writeEnvFile()
    const outcome = await check({ checks: 'rollback-possible', 'fail-on': 'warn' })
    expect(outcome).toMatchObject({ status: 'failure', reason: 'checks-failed', outputs: { warned: '1' } })
  })

  test.each([
    ['accept', 'redis', /the reason of redis in accept is missing; accepted: a line for each/],
    ['accept', 'reddis: hotfix', /accept is "reddis"; accepted: a line for each/],
    ['skip', 'reddis', /skip is "reddis"; accepted: ids out of ci, review/],
    ['checks', 'all', /checks is "all"; accepted/],
    ['fail-on', 'never', /fail-on is "never"; accepted: fail, warn/],
  ])('refuses %s: %s', (input, value, message) => {
    const read = (key: string) => ({ environment: 'staging', [input]: value })[key] ?? ''
    expect(() => parseInputs(preDeployCheckFields, read)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(message) }),
    )
  })
})
