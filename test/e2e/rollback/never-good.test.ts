import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { rollbackPossible } from '../../../shared/checks/release/rollback-possible.ts'
import { createContext } from '../../../shared/commands/check/check-context.ts'
import { status } from '../../../shared/commands/inspect/status.ts'
import { enterRoom, type Room } from '../kubernetes/cluster.ts'
import { configMap, deployment } from '../kubernetes/manifests.ts'
import { openStage, type Run, type Stage } from './stage.ts'

let room: Room
let stage: Stage
beforeAll(() => {
  room = enterRoom('never-good')
  stage = openStage(room)
})
afterAll(async () => {
  await stage.leave()
  await room.leave()
})

const plain = { 'app.yaml': deployment() }
const crashing = { 'app.yaml': deployment({ script: 'exit 3' }), 'more.yaml': configMap({ A: '1' }, 'added') }

const look = async ({ environment, ports }: Run) =>
  status(environment, { environment: 'production', config: '', kubeconfig: '' }, ports)

test('where no release was ever good, what failed is told as it is, and one is brought back by its name', async () => {
  const first = stage.run({ manifests: plain })
  expect((await look(first)).summary).toMatch(/^No release in namespace .* is good yet\.$/)
  expect(await first.deploy('v1.0.0')).toMatchObject({ status: 'success' })
  // Its job fails for a reason of its own: an integration test, say.
  expect(await first.rollback({ to: 'last-good' })).toMatchObject({ reason: 'nothing-to-restore' })
  expect((await look(first)).summary).toContain('v1.0.0 (r1) failed and was left as it is')

  const second = stage.run({ manifests: crashing })
  const context = createContext(
    second.environment,
    { version: 'v1.1.0', image: room.image, 'force-conflicts': false },
    second.ports,
  )
  expect(await rollbackPossible.run(context)).toMatchObject({
    result: 'warn',
    finding: 'no release is good yet, and v1.0.0 (r1) failed: this one has nothing to go back to either',
  })
  expect(await second.deploy('v1.1.0')).toMatchObject({ reason: 'rollout-doomed' })
  const undone = await second.rollback({ to: 'last-good' })
  expect(undone).toMatchObject({
    reason: 'nothing-to-restore',
    next: expect.stringContaining('No release has been good'),
  })
  const told = await look(second)
  expect(told.summary).toContain('v1.1.0 (r2) failed and was left as it is')
  expect(told.evidence).toContainEqual(expect.objectContaining({ subject: 'ready', tone: 'bad' }))
  expect(told.next).toBe(
    'Release a version that works, or restore one by its name: runbook rollback production ID',
  )

  const back = await stage.run({ manifests: plain }).rollback({ to: 'r1' })
  expect(back).toMatchObject({ reason: 'restored-unverified', serving: 'v1.0.0' })
  expect(back.summary).toContain('serves again instead of v1.1.0 (r2)')
  expect(room.kubectl('get', 'configmap', '-o', 'name')).not.toContain('added')
  expect((await look(first)).summary).toMatch(/^v1\.0\.0 \(r1\) is live in .* since .*, by a rollback of ada/)
})

test('a StatefulSet of a first release that failed is no obstacle to the release that corrects it', async () => {
  const own = enterRoom('never-good-store')
  const ownStage = openStage(own)
  try {
    const store = (script?: string) =>
      deployment({ name: 'store', ...(script === undefined ? {} : { script }) })
        .replace('kind: Deployment', 'kind: StatefulSet')
        .replace(/^ {2}strategy: .*\n/m, '')
    const release = (script?: string) =>
      ownStage.run({ manifests: { ...plain, 'store.yaml': store(script) } })
    const failing = release('exit 3')
    expect(await failing.deploy('v1.0.0')).toMatchObject({ reason: 'rollout-doomed' })
    expect(await failing.rollback({ to: 'last-good' })).toMatchObject({ reason: 'nothing-to-restore' })
    expect(await release().deploy('v1.0.1')).toMatchObject({ status: 'success', reason: 'done' })
  } finally {
    await ownStage.leave()
    await own.leave()
  }
})
