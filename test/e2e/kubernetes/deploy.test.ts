import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig, service } from './manifests.ts'
import { run, takeFree, recordGood, release } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('deploy')
})
afterAll(() => room.leave())

describe('a release on a cluster', () => {
  test('becomes ready, is recorded, and is what the target says is live', async () => {
    const { target } = await room.open({
      'app.yaml': deployment({ container: readsConfig, replicas: 2 }),
      'rest.yaml': `${service}---\n${configMap({ GREETING: 'hello' })}`,
    })
    expect((await target.read()).ledger.entries).toEqual([])
    expect(await target.live()).toEqual({ release: null, version: '', image: '', ready: false })
    const lock = await takeFree(target, run('1'))

    const { id, rollout, changes, payload } = await release(target, lock, 'v1.0.0', room.image, {
      TOKEN: 'hush',
    })

    expect(rollout).toMatchObject({ kind: 'ready' })
    expect(changes.map(({ action }) => action)).toEqual(['create', 'create', 'create', 'create'])
    await recordGood(lock, id)
    await lock.end()
    expect(await target.live()).toEqual({ release: 'r1', version: 'v1.0.0', image: room.image, ready: true })
    const { ledger, lease } = await target.read()
    expect(lease).toBeNull()
    expect(ledger.serving).toBe('r1')
    expect(await target.recall('r1')).toEqual(payload)
    expect(await target.recall('r7')).toBeUndefined()
  })

  test('is rehearsed without changing anything, values of Secrets left out', async () => {
    const { target } = await room.open({
      'app.yaml': deployment({ container: readsConfig, replicas: 3 }),
      'config.yaml': configMap({ GREETING: 'good morning' }),
    })
    const before = room.kubectl(
      'get',
      'deploy,configmap,secret,service',
      '-o',
      'jsonpath={.items[*].metadata.resourceVersion}',
    )
    const payload = await target.render({ version: 'v1.1.0', image: room.image, config: { TOKEN: 'secret' } })

    const plan = await target.rehearse(payload)

    const after = room.kubectl(
      'get',
      'deploy,configmap,secret,service',
      '-o',
      'jsonpath={.items[*].metadata.resourceVersion}',
    )
    expect(after).toBe(before)
    const byObject = new Map(plan.map(change => [change.object.split(' ')[0], change]))
    expect(byObject.get('ConfigMap')?.diff).toBe(' data:\n-  GREETING: hello\n+  GREETING: good morning')
    expect(byObject.get('Secret')?.diff).toContain('-  TOKEN: (hidden)\n+  TOKEN: (hidden, changed)')
    expect(byObject.get('Deployment')?.diff).toContain('-  replicas: 2\n+  replicas: 3')
    expect(byObject.get('Service')).toEqual({ object: `Service ${room.namespace}/probe`, action: 'delete' })
  })

  test('that only changes configuration rolls, and one that changes nothing does not', async () => {
    const manifests = (greeting: string) => ({
      'app.yaml': deployment({ container: readsConfig, replicas: 2 }),
      'rest.yaml': `${service}---\n${configMap({ GREETING: greeting })}`,
    })
    const revision = () =>
      room.kubectl(
        'get',
        'deploy',
        'probe',
        '-o',
        'jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}',
      )
    const before = revision()
    const same = await room.open(manifests('hello'))
    const lock = await takeFree(same.target, run('2'))
    const second = await release(same.target, lock, 'v1.2.0', room.image, { TOKEN: 'hush' })
    await recordGood(lock, second.id)
    await lock.end()
    expect(revision()).toBe(before)

    const changed = await room.open(manifests('goodbye'))
    const again = await takeFree(changed.target, run('3'))
    const third = await release(changed.target, again, 'v1.3.0', room.image, { TOKEN: 'hush' })
    expect(third.rollout.kind).toBe('ready')
    await recordGood(again, third.id)
    await again.end()
    expect(Number(revision())).toBe(Number(before) + 1)
    const pod = room.kubectl('exec', 'deploy/probe', '--', 'env')
    expect(pod).toContain('GREETING=goodbye')
  })

  test('removes what left the manifests once it is good, and not before', async () => {
    const { target, logged } = await room.open({ 'app.yaml': deployment({ replicas: 2 }) })
    const lock = await takeFree(target, run('4'))
    const { id } = await release(target, lock, 'v1.4.0', room.image)
    expect(room.kubectl('get', 'service', 'probe', '-o', 'name')).toContain('probe')
    await recordGood(lock, id)
    await lock.end()
    expect(room.kubectl('get', 'service,configmap,secret', '-o', 'name')).not.toMatch(
      /service\/probe|probe-config|probe-env/,
    )
    expect(logged.filter(line => line.includes('left the manifests'))).toHaveLength(3)
  })

  test('stops at a field that another manager owns, and names both', async () => {
    room.kubectl('scale', 'deployment/probe', '--replicas=1')
    const { target } = await room.open({ 'app.yaml': deployment({ replicas: 2 }) })
    const payload = await target.render({ version: 'v1.5.0', image: room.image, config: {} })
    await expect(target.rehearse(payload)).rejects.toMatchObject({
      reason: 'field-conflict',
      message: expect.stringMatching(/spec\.replicas belongs to kubectl/),
    })
  })

  test('is refused with the field that the cluster does not know', async () => {
    const { target } = await room.open({ 'app.yaml': deployment({ container: '          imagine: true\n' }) })
    const payload = await target.render({ version: 'v1.5.0', image: room.image, config: {} })
    await expect(target.rehearse(payload)).rejects.toMatchObject({
      message: expect.stringContaining('imagine'),
    })
  })
})

test('a kind that comes with the release is applied before its first object', async () => {
  const group = `${room.namespace}.example.com`
  const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: hats.${group} }
spec:
  group: ${group}
  scope: Namespaced
  names: { kind: Hat, plural: hats, singular: hat }
  versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } } }]
`
  const hat = `apiVersion: ${group}/v1\nkind: Hat\nmetadata: { name: top }\nsize: 7\n`
  const app = deployment({}).replace('replicas: 1', 'minReadySeconds: 0')
  const { target } = await room.open({ 'app.yaml': app, 'hat.yaml': hat, 'kinds.yaml': crd })
  const lock = await takeFree(target, run('9'))
  try {
    const payload = await target.render({ version: 'v2.0.0', image: room.image, config: {} })
    const plan = await target.rehearse(payload)
    expect(plan.find(({ object }) => object.startsWith('Hat'))?.action).toBe('create')
    const { rollout } = await release(target, lock, 'v2.0.0', room.image)
    expect(rollout.kind).toBe('ready')
    expect(room.kubectl('get', `hats.${group}`, 'top', '-o', 'jsonpath={.size}')).toBe('7')
  } finally {
    await lock.end()
    room.kubectl('delete', 'customresourcedefinition', `hats.${group}`)
  }
})
