import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment, readsConfig, service } from '../kubernetes/manifests.ts'
import { openStage, type Stage } from './stage.ts'

let room: Room
let stage: Stage
let url: string

const withGreeting = (greeting: string) =>
  deployment({ container: `${readsConfig}          env: [{ name: GREETING, value: ${greeting} }]\n` })

/** What kubectl's users have: three revisions, of which the last is ill. */
beforeAll(() => {
  room = enterRoom('revision')
  stage = openStage(room)
  room.kubectlApply(service)
  room.kubectlApply(configMap({ COLOUR: 'green' }))
  for (const greeting of ['one', 'two', 'three']) {
    room.kubectlApply(withGreeting(greeting).replace('image: e2e-probe', `image: ${room.image}`))
    room.kubectl('rollout', 'status', 'deployment/probe', '--timeout=60s')
  }
  url = `http://${room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')}`
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

const manifests = { 'app.yaml': deployment({}), 'service.yaml': service }
const greeting = () =>
  room.kubectl(
    'get',
    'deployment',
    'probe',
    '-o',
    'jsonpath={.spec.template.spec.containers[0].env[0].value}',
  )

test('a revision that is not there is refused with those that are, and nothing is touched', async () => {
  const outcome = await stage.run({ manifests, url }).rollback({ to: '9' })
  expect(outcome).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(outcome.summary).toMatch(/to is "9"; accepted: a revision: 1 \(.*, 20.*Z\), 2 \(.*\), 3 \(/)
  expect(greeting()).toBe('three')
  expect(room.kubectl('get', 'secrets', '-o', 'name')).toBe('')
})

test('without a name, nothing is chosen: the revisions are told', async () => {
  const outcome = await stage.run({ manifests, url }).rollback()
  expect(outcome).toMatchObject({ status: 'failure', reason: 'nothing-to-restore' })
  expect(outcome.next).toContain('Name one of the workload')
  expect(outcome.outputs['verdict']).toBe('nothing-to-restore')
})

test('a revision of kubectl is brought back, says what is not known of it, and is a release from then on', async () => {
  const run = stage.run({ manifests, url })
  const outcome = await run.rollback({ to: '2' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'restored' })
  expect(outcome.outputs).toEqual({ 'restored-release-id': 'r1', verdict: 'healthy' })
  expect(greeting()).toBe('two')
  const told = outcome.evidence.map(({ finding }) => finding).join('\n')
  expect(told).toContain('only its pod template is known')
  const target = await run.ports.openTarget()
  const { ledger } = await target.read()
  expect(ledger).toMatchObject({ serving: 'r1', restoring: null })
  expect(ledger.entries.map(({ id, state }) => [id, state])).toEqual([
    ['r0', 'withdrawn'],
    ['r1', 'good'],
  ])
  expect(ledger.entries[1]?.restored?.verdict).toBe('healthy')
  expect(await target.live()).toMatchObject({ release: 'r1', ready: true })
})

test('what was there before is r0: it comes back by its name, with a warning', async () => {
  const outcome = await stage.run({ manifests, url }).rollback({ to: 'r0' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'restored' })
  expect(outcome.evidence[0]).toBeDefined()
  expect(outcome.evidence.find(({ tone }) => tone === 'warn')?.finding).toMatch(
    /^is withdrawn: rolled back to r1 by ada/,
  )
  expect(greeting()).toBe('three')
})

test('a revision that a recorded release stands for is that release, with its configuration', async () => {
  const one = { ...manifests, 'app.yaml': withGreeting('four'), 'config.yaml': configMap({ COLOUR: 'blue' }) }
  await stage.run({ manifests: one, url }).release('v1.0.0')
  const revision = room.kubectl(
    'get',
    'deployment',
    'probe',
    '-o',
    'jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}',
  )
  const two = { ...manifests, 'app.yaml': withGreeting('five'), 'config.yaml': configMap({ COLOUR: 'red' }) }
  await stage.run({ manifests: two, url }).release('v1.1.0')
  const outcome = await stage.run({ manifests: two, url }).rollback({ to: revision })
  expect(outcome).toMatchObject({ status: 'success', serving: 'v1.0.0' })
  expect(greeting()).toBe('four')
  expect(room.kubectl('get', 'configmap', 'probe-config', '-o', 'jsonpath={.data.COLOUR}')).toBe('blue')
})
