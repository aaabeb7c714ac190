import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig, scaler, service } from './manifests.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('restore')
})
afterAll(() => room.leave())

const json = (...args: string[]) => JSON.parse(room.kubectl('get', ...args, '-o', 'json')) as Found

interface Found {
  data: Record<string, string>
  spec: {
    replicas: number
    ports: { port: number }[]
    template: { spec: { containers: { name: string; env?: { name: string }[] }[] } }
  }
}

describe('a restore', () => {
  test('brings the last good release back whole', async () => {
    const good = await room.open({
      'app.yaml': deployment({ container: readsConfig, replicas: 2 }),
      'rest.yaml': `${service}---\n${configMap({ GREETING: 'hello', KEEP: 'this' })}`,
    })
    const first = await takeFree(good.target, run('1'))
    const { id } = await release(good.target, first, 'v1.0.0', room.image, { TOKEN: 'one', KEY: 'shared' })
    await recordGood(first, id)
    await first.end()
    const podsBefore = room.kubectl(
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].metadata.labels.pod-template-hash}',
    )

    const bad = await room.open({
      'app.yaml': deployment({
        container: readsConfig,
        replicas: 1,
        containers:
          '        - name: side\n          image: e2e-probe\n          command: [sleep, "100000"]\n',
      }),
      'rest.yaml': [
        service.replace('port: 80,', 'port: 81,'),
        configMap({ GREETING: 'bad', NEW: 'x' }),
        configMap({ added: 'y' }, 'added'),
        scaler,
        'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\nspec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }\n',
      ].join('---\n'),
    })
    const lock = await takeFree(bad.target, run('2'))
    const second = await release(bad.target, lock, 'v1.1.0', room.image, { TOKEN: 'two', KEY: 'shared' })
    expect(second.rollout.kind).toBe('ready')
    // While it served, people did what people do.
    room.kubectl('set', 'env', 'deployment/probe', '-c', 'app', 'BY_HAND=1')
    room.kubectl('patch', 'configmap', 'probe-config', '-p', '{"data":{"BY_HAND":"1"}}')
    room.kubectl('patch', 'secret', 'probe-env', '-p', '{"stringData":{"KEY":"rotated"}}')

    const changes = await bringBack(bad.target, lock, id, second.id)
    await lock.end()

    const app = json('deployment', 'probe').spec
    expect(app.template.spec.containers.map(({ name }) => name)).toEqual(['app'])
    expect(app.template.spec.containers[0]?.env).toBeUndefined()
    expect(app.replicas).toBe(2)
    expect(json('configmap', 'probe-config').data).toEqual({ GREETING: 'hello', KEEP: 'this' })
    expect(json('service', 'probe').spec.ports.map(({ port }) => port)).toEqual([80])
    const secret = json('secret', 'probe-env').data
    expect(Buffer.from(secret['TOKEN'] ?? '', 'base64').toString()).toBe('one')
    expect(Buffer.from(secret['KEY'] ?? '', 'base64').toString()).toBe('rotated')
    const left = room.kubectl('get', 'configmap,hpa,pvc', '-o', 'name')
    expect(left).not.toMatch(/added|horizontalpodautoscaler/)
    expect(left).toContain('persistentvolumeclaim/data')
    const told = changes.flatMap(({ diff = '', notes = [] }) => [diff, ...notes]).join('\n')
    expect(told).toContain('data.KEY: changed since by another manager; kept as it is')
    expect(told).toContain('BY_HAND')
    expect(await bad.target.live()).toMatchObject({ release: 'r1', version: 'v1.0.0', ready: true })
    // The very pods' template of before: nothing of another revision is left in it.
    const podsAfter = room.kubectl(
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].metadata.labels.pod-template-hash}',
    )
    expect(new Set(podsAfter.split(' '))).toEqual(new Set(podsBefore.split(' ')))
    const { ledger } = await bad.target.read()
    expect(ledger.entries.map(({ state }) => state)).toEqual(['good', 'bad'])
    expect(ledger).toMatchObject({ serving: 'r1', restoring: null })
  })

  test('leaves what others had set already when the release was good', async () => {
    const manifests = { 'app.yaml': deployment({}), 'config.yaml': configMap({ A: '1' }) }
    const { target } = await room.open(manifests)
    const lock = await takeFree(target, run('3'))
    const good = await release(target, lock, 'v2.0.0', room.image)
    room.kubectl('patch', 'configmap', 'probe-config', '-p', '{"data":{"INJECTED":"by a controller"}}')
    await recordGood(lock, good.id)
    const worse = await room.open({ ...manifests, 'config.yaml': configMap({ A: '2' }) })
    const payload = await worse.target.render({ version: 'v2.1.0', image: room.image, config: {} })
    expect(payload.objects).toContain(`ConfigMap ${room.namespace}/probe-config`)
    await lock.end()

    const next = await takeFree(worse.target, run('4'))
    const bad = await release(worse.target, next, 'v2.1.0', room.image)
    room.kubectl('patch', 'configmap', 'probe-config', '-p', '{"data":{"LATE":"x"}}')
    await bringBack(worse.target, next, good.id, bad.id)
    await next.end()

    expect(json('configmap', 'probe-config').data).toEqual({ A: '1', INJECTED: 'by a controller' })
  })

  test('makes objects anew that were deleted by hand', async () => {
    const { target } = await room.open({ 'app.yaml': deployment({}), 'config.yaml': configMap({ A: '2' }) })
    const lock = await takeFree(target, run('5'))
    const serving = lock.ledger.serving
    if (serving === null) throw new Error('nothing serves')
    room.kubectl('delete', 'configmap/probe-config', 'deployment/probe')
    await bringBack(target, lock, serving, serving)
    await lock.end()
    expect(json('configmap', 'probe-config').data).toMatchObject({ A: '1' })
    expect(await target.live()).toMatchObject({ release: serving, ready: true })
  })
})
