import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openStage, type Stage } from '../rollback/stage.ts'
import { enterRoom, type Room } from './cluster.ts'
import { app } from './there-and-back.ts'

let other: Room
let stage: Stage
beforeAll(() => {
  other = enterRoom('one-way-first')
  stage = openStage(other)
})
afterAll(async () => {
  await stage.leave()
  await other.leave()
})

test('what was there before the first release comes back, with a variable that it has twice, and gives way to another strategy', async () => {
  const there = app({
    container: "          env: [{ name: A, value: '1' }, { name: B, value: b }, { name: A, value: '2' }]\n",
  })
    .replace('e2e-probe', other.image)
    .replace('  strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }\n', '')
  other.kubectlApply(there)
  const manifest = app().replace(
    '{ rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }',
    '{ type: Recreate }',
  )
  const work = stage.run({ manifests: { 'app.yaml': manifest } })
  expect(await work.deploy('v1.0.0', { 'dry-run': 'true' })).toMatchObject({ status: 'success' })
  await work.deploy('v1.0.0')
  const strategy = () => other.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.strategy}')
  expect(strategy()).toBe('{"type":"Recreate"}')
  expect(await work.rollback()).toMatchObject({ serving: expect.anything() })
  const env = other.kubectl(
    'get',
    'deployment',
    'probe',
    '-o',
    'jsonpath={.spec.template.spec.containers[0].env}',
  )
  expect(JSON.parse(env)).toEqual([
    { name: 'B', value: 'b' },
    { name: 'A', value: '2' },
  ])
  expect(strategy()).toContain('RollingUpdate')
})
