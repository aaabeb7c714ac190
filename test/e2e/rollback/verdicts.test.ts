import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { exitCode } from '../../../cli/exit.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment, service } from '../kubernetes/manifests.ts'
import { openStage, type Script, type Stage } from './stage.ts'

let room: Room
let stage: Stage
let url: string

/** Needs an object that no release has: when it is gone, no release is well. */
const needy = (colour: string) =>
  deployment({
    container: `          env:
            - { name: COLOUR, value: ${colour} }
            - { name: KEY, valueFrom: { configMapKeyRef: { name: outside, key: KEY } } }
`,
  })
const green = { 'app.yaml': needy('green'), 'service.yaml': service }
const blue = { 'app.yaml': needy('blue'), 'service.yaml': service }

beforeAll(async () => {
  room = enterRoom('verdicts')
  stage = openStage(room)
  room.kubectlApply(configMap({ KEY: '1' }, 'outside'))
  await stage.run({ manifests: green }).release('v1.0.0')
  url = `http://${room.kubectl('get', 'service', 'probe', '-o', 'jsonpath={.spec.clusterIP}')}`
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

/** A release whose job does not succeed, and the way back that its job takes. */
async function failAfterwards(
  version: string,
  script: Omit<Script, 'manifests'>,
  before: () => unknown = () => undefined,
) {
  const run = stage.run({ ...script, manifests: blue })
  const deployed = await run.deploy(version)
  expect(deployed).toMatchObject({ status: 'success', reason: 'done' })
  before()
  const outcome = await run.rollback({ to: 'last-good' })
  const { ledger } = await (await run.ports.openTarget()).read()
  return { outcome, ledger, run }
}

test('the way back of a job that changed nothing is calm', async () => {
  const outcome = await stage.run({ manifests: green, url }).rollback({ to: 'last-good' })
  expect(outcome).toMatchObject({ status: 'success', reason: 'nothing-to-settle' })
  expect(outcome.outputs).toEqual({ 'restored-release-id': '', verdict: 'nothing-to-restore' })
  expect(exitCode(outcome)).toBe(0)
})

test('without an address nothing is verified, and that is no success', async () => {
  const { outcome, ledger } = await failAfterwards('v1.1.0', {})
  expect(outcome).toMatchObject({ status: 'inconclusive', reason: 'restored-unverified', serving: 'v1.0.0' })
  expect(outcome.outputs).toEqual({ 'restored-release-id': 'r1', verdict: 'unverified' })
  expect(exitCode(outcome)).toBe(3)
  expect(ledger.entries[0]?.restored?.verdict).toBe('unverified')
})

test('a restored release is not judged by a suite that it never passed, and the evidence says by what it is', async () => {
  const suite = 'name: ours\nrequests:\n  - { name: missing, path: /missing, expect: { status: 200 } }\n'
  const { outcome, ledger } = await failAfterwards('v1.2.0', { url, suite })
  expect(outcome).toMatchObject({ status: 'success', reason: 'restored', serving: 'v1.0.0' })
  expect(outcome.outputs['verdict']).toBe('healthy')
  const of = (subject: string) => outcome.evidence.find(each => each.subject.startsWith(subject))
  expect(of('verification')?.finding).toContain('v1.0.0 (r1) has no verification of its own')
  expect(of('GET /missing')).toMatchObject({ tone: 'note', finding: expect.stringContaining('not counted') })
  expect(of('what v1.2.0 (r3) had changed')?.detail).toMatch(/Deployment [^]*blue/)
  expect(of('what was restored')?.detail).toContain('Deployment')
  expect(ledger).toMatchObject({ restoring: null })
  expect(ledger.entries[0]).toMatchObject({ state: 'good', restored: { verdict: 'healthy' } })
})

test('an ill restore is the end: nothing that runs by itself tries again', async () => {
  const gone = () => room.kubectl('delete', 'configmap', 'outside')
  const { outcome, run } = await failAfterwards('v1.3.0', { url }, gone)
  expect(outcome).toMatchObject({ status: 'failure', reason: 'restored-unhealthy', cause: 'config-missing' })
  const target = await run.ports.openTarget()
  const state = () =>
    room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.metadata.generation} {.metadata.labels}')
  const before = [state(), (await target.read()).ledger]
  for (const inputs of [{ settle: 'true' }, { settle: 'true' }, { to: 'last-good' }]) {
    const again = await stage.run({ manifests: green, url }).rollback(inputs)
    expect(again).toMatchObject({ status: 'success', reason: 'nothing-to-settle' })
    if ('settle' in inputs)
      expect(again.evidence.map(({ finding }) => finding).join()).toContain('was unhealthy then')
  }
  expect([state(), (await target.read()).ledger]).toEqual(before)
})
