import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { adopt } from '../../../shared/release/ledger.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig, service } from './manifests.ts'
import { run, takeFree, bringBack, release } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('adopt')
})
afterAll(() => room.leave())

test('where the workload is not there yet, the plan says that nothing is recorded of what the first release changes', async () => {
  room.kubectlApply(service.replaceAll('probe', 'front'))
  const { target, logged } = await room.open({
    'app.yaml': deployment(),
    'rest.yaml': service.replaceAll('name: probe', 'name: front'),
  })
  await target.rehearse(await target.render({ version: 'v1.0.0', image: room.image, config: {} }))
  expect(logged.join('\n')).toContain(
    `deployment/probe is not there yet, so this first release has nothing to go back to: if it fails, what it changes in Service ${room.namespace}/front stays`,
  )
  room.kubectl('delete', 'service', 'front')
})

describe('a workload that kubectl applied', () => {
  test('is recorded as r0, taken over without a conflict, and comes back whole', async () => {
    const by = room.image
    room.kubectlApply(
      deployment({
        container: `${readsConfig}          env: [{ name: OLD, value: "1" }]\n`,
        image: by,
        replicas: 2,
      }),
    )
    room.kubectlApply(service)
    room.kubectlApply(configMap({ GREETING: 'before', OLD: '1' }))
    room.kubectl('rollout', 'status', 'deployment/probe')
    const uid = room
      .kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.labels.pod-template-hash}')
      .split(' ')[0]

    const { target } = await room.open({
      'app.yaml': deployment({ container: readsConfig, replicas: 2 }),
      'rest.yaml': `${service}---\n${configMap({ GREETING: 'after' })}`,
    })
    const plan = await target.rehearse(
      await target.render({ version: 'v1.0.0', image: room.image, config: {} }),
    )
    // kubectl owns the defaults of the API server too; those come again.
    const lost = plan.flatMap(({ diff = '' }) => diff.split('\n').filter(line => line.endsWith('manifest)')))
    expect(lost).toEqual([
      '-data.OLD (not in the manifest)',
      '-spec.template.spec.containers[name=app].env (not in the manifest)',
    ])
    const lock = await takeFree(target, run('1'))
    const found = await lock.adopt()
    if (!found) throw new Error('nothing was found')
    expect(found.image).toContain('@sha256:')
    expect(found.payload.objects.map(each => each.split(' ')[0]).toSorted()).toEqual([
      'ConfigMap',
      'Deployment',
      'Service',
    ])
    const intent = {
      version: found.version,
      image: found.image,
      by: '',
      run: '',
      runUrl: '',
      intendedAt: '2026-01-01T00:00:00Z',
    }
    await lock.update(ledger => adopt(ledger, intent))
    await lock.store('r0', found.payload)

    const { id, rollout } = await release(target, lock, 'v1.0.0', room.image)
    expect(rollout.kind).toBe('ready')
    const data = () =>
      JSON.parse(room.kubectl('get', 'configmap', 'probe-config', '-o', 'jsonpath={.data}')) as unknown
    const env = () =>
      room.kubectl('get', 'deployment', 'probe', '-o', 'jsonpath={.spec.template.spec.containers[0].env}')
    // What the manifests have no more is gone, although kubectl owned it.
    expect(data()).toEqual({ GREETING: 'after' })
    expect(env()).toBe('')

    await bringBack(target, lock, 'r0', id)
    await lock.end()
    expect(data()).toEqual({ GREETING: 'before', OLD: '1' })
    expect(env()).toContain('OLD')
    const after = room
      .kubectl('get', 'pods', '-o', 'jsonpath={.items[*].metadata.labels.pod-template-hash}')
      .split(' ')[0]
    expect(after).toBe(uid)
  })
})
