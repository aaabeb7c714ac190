import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { parseInputs, type Fields, type Inputs } from '../../../shared/commands/step/inputs.ts'
import { logs, logsFields } from '../../../shared/commands/inspect/logs.ts'
import { preDeployCheck, preDeployCheckFields } from '../../../shared/commands/check/pre-deploy-check.ts'
import { deployGated } from '../../../shared/commands/promote/promote.ts'
import { settle, settleFields } from '../../../shared/commands/recover/settle.ts'
import { status, statusFields } from '../../../shared/commands/inspect/status.ts'
import { openStage, type Run, type Stage } from '../rollback/stage.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment } from './manifests.ts'

// What a person gets wrong on the first day: the namespace, the credentials, the image, the address.

let room: Room
let folder = ''
const stages: Stage[] = []
beforeAll(() => {
  room = enterRoom('wrong-place')
  folder = mkdtempSync(join(tmpdir(), 'wrong-place-'))
})
afterAll(async () => {
  await Promise.all(stages.map(stage => stage.leave()))
  await room.leave()
  rmSync(folder, { recursive: true })
})

const manifests = { 'app.yaml': deployment({ replicas: 0 }), 'config.yaml': configMap({ A: '1' }) }

function enter(wrong: Partial<Room>, given: Record<string, string> = manifests): Run {
  const stage = openStage({ ...room, ...wrong })
  stages.push(stage)
  return stage.run({ manifests: given })
}

interface Kubeconfig {
  clusters: { cluster: { server: string } }[]
  users: { user: object }[]
}

/** A kubeconfig of the lab with one thing changed. */
function kubeconfig(name: string, change: (config: Kubeconfig) => void): Partial<Room> {
  const file = join(folder, name)
  const config = JSON.parse(readFileSync(room.lab.kubeconfig, 'utf8')) as Kubeconfig
  change(config)
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 })
  return { lab: { ...room.lab, kubeconfig: file } }
}
const withToken = (token: string) => (config: Kubeconfig) => {
  for (const each of config.users) each.user = { token }
}
const at = (server: string) => (config: Kubeconfig) => {
  for (const { cluster } of config.clusters) cluster.server = server
}

const inputs = <F extends Fields>(fields: F, given: Record<string, string> = {}): Inputs<F> =>
  parseInputs(fields, name => given[name] ?? (name === 'environment' ? 'production' : ''))
const look = ({ environment, ports }: Run) => status(environment, inputs(statusFields), ports)
const read = ({ environment, ports }: Run) => logs(environment, inputs(logsFields), ports)
const check = ({ environment, ports }: Run, image = room.image) =>
  preDeployCheck(environment, inputs(preDeployCheckFields, { image, checks: 'manifests' }), ports)

const untouched = { status: 'failure', outputs: { 'release-id': '', changed: 'false' } }
const calm = { status: 'success', reason: 'nothing-to-settle' }

test('a namespace that is not there is named, with what makes it, and nothing is half-way after it', async () => {
  const run = enter({ namespace: `${room.namespace}-misspelt` })
  const missing = {
    reason: 'namespace-not-found',
    summary: expect.stringContaining(`${room.namespace}-misspelt`),
  }

  const checked = await check(run)
  expect(checked).toMatchObject({ status: 'failure', reason: 'checks-failed' })
  expect(checked.evidence[0]).toMatchObject({
    finding: expect.stringMatching(/^fail: the namespace \S+-misspelt does not exist in https:/),
    next: expect.stringContaining(`kubectl create namespace ${room.namespace}-misspelt`),
  })
  expect(await run.deploy('v1.0.0')).toMatchObject({ ...untouched, ...missing })
  expect(await run.rollback({ to: 'last-good' })).toMatchObject({
    ...calm,
    summary: 'Nothing was deployed, and nothing is to be taken back; nothing was changed.',
  })
  expect(await settle(run.environment, inputs(settleFields), run.ports)).toMatchObject({
    status: 'failure',
    reason: 'history-missing',
    summary: expect.stringContaining(`${room.namespace}-misspelt`),
  })
  expect(await read(run)).toMatchObject({ status: 'failure', ...missing })
})

test('its own namespace among the manifests does not help: the lease of the deploy lies in it', async () => {
  const namespace = `${room.namespace}-made`
  const making = `apiVersion: v1\nkind: Namespace\nmetadata: { name: ${namespace} }\n`
  const run = enter({ namespace }, { ...manifests, 'namespace.yaml': making })
  expect((await check(run)).evidence[0]).toMatchObject({
    finding: expect.stringContaining(`the namespace ${namespace} does not exist`),
    next: expect.stringContaining('its lease lies in it'),
  })
})

test('credentials that are wrong, and an account without rights, are told apart', async () => {
  const expired = enter(kubeconfig('expired', withToken('run-out')))
  const denied = { reason: 'access-denied', next: expect.stringContaining('wrong or have run out') }
  expect(await expired.deploy('v1.0.0')).toMatchObject({ ...untouched, ...denied })
  for (const ended of [await look(expired), await read(expired), await expired.rollback({ to: 'last-good' })])
    expect(ended).toMatchObject({ status: 'failure', ...denied })

  const token = room.kubectl('create', 'token', 'default').trim()
  const stranger = enter(kubeconfig('stranger', withToken(token)))
  expect(await stranger.deploy('v1.0.0')).toMatchObject({
    ...untouched,
    reason: 'access-denied',
    next: expect.stringMatching(/^Add the verb \w+ on \w+ .*to the Role/),
  })
})

test('an image that is not in its registry: the tag, the repository; and the promotion takes nothing back', async () => {
  const { registry } = room.lab
  for (const image of [`${registry}/e2e-probe:v9.9.9`, `${registry}/e2e-misspelt:v1.0.0`]) {
    const run = enter({})
    const ended: Outcome[] = []
    const given: Record<string, string> = {
      environment: 'production',
      version: 'v1.0.0',
      image,
      timeout: '1m',
    }
    const promoted = await deployGated(
      { ...run.environment, url: 'http://127.0.0.1:1' },
      name => given[name] ?? '',
      run.ports,
      outcome => {
        ended.push(outcome)
      },
    )
    expect(promoted).toMatchObject({
      ...untouched,
      reason: 'image-not-found',
      summary: expect.stringContaining(image),
      next: expect.stringContaining('Check the name and the tag'),
    })
    expect(ended.map(({ step }) => step)).toEqual(['deploy'])
  }
})

test('a cluster that does not answer', async () => {
  const gone = enter(kubeconfig('gone', at('https://127.0.0.1:9')))
  expect(await look(gone)).toMatchObject({
    status: 'failure',
    reason: 'target-unreachable',
    next: expect.stringContaining('Check that the server of the kubeconfig can be reached'),
  })
})

test('a version of a kind that the cluster does not serve any more', async () => {
  const old = `apiVersion: autoscaling/v2beta1\nkind: HorizontalPodAutoscaler\nmetadata: { name: probe }\nspec: { maxReplicas: 2, scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: probe } }\n`
  const run = enter({}, { ...manifests, 'hpa.yaml': old })
  expect(await run.deploy('v1.0.0')).toMatchObject({
    ...untouched,
    reason: 'manifest-invalid',
    next: expect.stringContaining('HorizontalPodAutoscaler of autoscaling/v2beta1'),
  })
})

test('logs of what is not there say what is missing', async () => {
  const run = enter({})
  expect(await read(run)).toMatchObject({
    status: 'failure',
    reason: 'tool-failed',
    summary: `there is no deployment/probe in namespace ${room.namespace}`,
  })
})
