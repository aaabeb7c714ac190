import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPorts, type RunnerPorts } from '../../../shared/commands/step/machine.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { parseInputs, type Fields, type Inputs } from '../../../shared/commands/step/inputs.ts'
import { logs, logsFields } from '../../../shared/commands/inspect/logs.ts'
import { deployGated } from '../../../shared/commands/promote/promote.ts'
import { rollback } from '../../../shared/commands/rollback/rollback.ts'
import { rollbackFields } from '../../../shared/commands/rollback/rollback-fields.ts'
import { status, statusFields } from '../../../shared/commands/inspect/status.ts'
import { environmentAt } from '../gate/ports.ts'
import { freePort } from './ports.ts'
import { enterYard, pushImages, type Yard } from './yard.ts'

// What a person gets wrong on the first day with a Docker host: the engine's address, the image, the port.

const port = 23_190
let yard: Yard
let other: Server
const opened: RunnerPorts[] = []
beforeAll(() => {
  yard = enterYard('wrong-place', port, pushImages())
  other = createServer((_asked, answer) => answer.writeHead(404).end('no such page')).listen(0, '127.0.0.1')
})
afterAll(async () => {
  await Promise.all(opened.map(ports => ports.close()))
  await yard.leave()
  other.close()
})

interface Run {
  environment: Environment
  ports: RunnerPorts
  /** Deploys as a promotion does: what every step of it ended with. */
  deploy(image: string): Promise<Outcome[]>
}

function enter(host: string, published = port): Run {
  const environment: Environment = {
    ...environmentAt('http://127.0.0.1:1'),
    service: 'probe',
    name: 'staging',
    target: { kind: 'docker', container: yard.container, ports: [`${published}:3000`] },
  }
  const quiet = () => undefined
  const log = {
    info: quiet,
    warn: quiet,
    error: quiet,
    debug: quiet,
    group: <T>(_title: string, work: () => Promise<T>) => work(),
  }
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], DOCKER_HOST: host }
  const signal = new AbortController().signal
  const ports = createPorts({ log, secrets: createSecrets(), env, pid: process.pid, signal }, environment, '')
  opened.push(ports)
  return {
    environment,
    ports,
    async deploy(image) {
      const ended: Outcome[] = []
      const given: Record<string, string> = {
        environment: 'staging',
        version: 'v1.0.0',
        image,
        timeout: '1m',
      }
      await deployGated(
        environment,
        name => given[name] ?? '',
        ports,
        outcome => {
          ended.push(outcome)
        },
      )
      return ended
    },
  }
}

const inputs = <F extends Fields>(fields: F, given: Record<string, string> = {}): Inputs<F> =>
  parseInputs(fields, name => given[name] ?? (name === 'environment' ? 'staging' : ''))
const untouched = { step: 'deploy', status: 'failure', outputs: { 'release-id': '', changed: 'false' } }

test('an engine that does not run, and an address that something else serves', async () => {
  const dead = enter(`tcp://127.0.0.1:${await freePort()}`)
  const silent = { reason: 'target-unreachable', next: expect.stringContaining('DOCKER_HOST') }
  expect(await dead.deploy(yard.images.plain)).toEqual([expect.objectContaining(silent)])
  for (const ended of [
    await status(dead.environment, inputs(statusFields), dead.ports),
    await rollback(dead.environment, inputs(rollbackFields, { to: 'last-good' }), dead.ports),
  ])
    expect(ended).toMatchObject({ status: 'failure', ...silent })

  const { port: taken } = other.address() as AddressInfo
  expect(await enter(`tcp://127.0.0.1:${taken}`).deploy(yard.images.plain)).toMatchObject([
    { ...untouched, ...silent, summary: expect.stringContaining('is no Docker engine') },
  ])
})

test('an image that is not in its registry: the tag, the repository, the digest; nothing is taken back', async () => {
  const { registry } = yard.lab
  const nowhere = `sha256:${'0'.repeat(64)}`
  for (const image of [
    `${registry}/e2e-misspelt:v1.0.0`,
    yard.images.plain.replace(/@.*/, ':v9.9.9'),
    yard.images.plain.replace(/@.*/, `@${nowhere}`),
    nowhere,
  ]) {
    expect(await enter(yard.lab.docker.host).deploy(image)).toMatchObject([
      {
        ...untouched,
        reason: 'image-not-found',
        next: expect.stringMatching(/^Check the name|build it again/),
      },
    ])
  }
})

test('a port that another container has is named with who has it; then nothing is there to read logs of', async () => {
  const blocker = `${yard.container}-blocker`
  yard.docker('run', '-d', '--name', blocker, '-p', `${port + 1}:3000`, yard.images.plain)
  const run = enter(yard.lab.docker.host, port + 1)
  expect(await run.deploy(yard.images.plain)).toMatchObject([
    {
      ...untouched,
      reason: 'apply-refused',
      summary: `port ${port + 1} is taken by container ${blocker}`,
      next: expect.stringContaining(`Stop ${blocker}`),
    },
  ])
  expect(
    await rollback(run.environment, inputs(rollbackFields, { to: 'last-good' }), run.ports),
  ).toMatchObject({ status: 'success', reason: 'nothing-to-settle' })
  expect(await logs(run.environment, inputs(logsFields), run.ports)).toMatchObject({
    status: 'failure',
    reason: 'tool-failed',
    summary: expect.stringContaining(`there is no container ${yard.container}`),
  })
})
