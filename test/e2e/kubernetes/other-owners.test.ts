import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { adopt } from '../../../shared/release/ledger.ts'
import type { EnvironmentLock } from '../../../shared/targets/target.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, scaler, service } from './manifests.ts'
import { bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'

// Objects in which others have a hand: tools that came before, autoscalers, controllers that delete.

let room: Room
beforeAll(() => {
  room = enterRoom('owners')
})
afterAll(() => room.leave())

const image = () => room.image
const read = (kind: string, name: string, path: string) =>
  room.kubectl('get', kind, name, '-o', `jsonpath=${path}`)

async function recordBefore(
  lock: EnvironmentLock,
  next?: Parameters<EnvironmentLock['adopt']>[0],
): Promise<string[]> {
  const found = await lock.adopt(next)
  if (!found) throw new Error('nothing was found')
  const { version, image: of } = found
  const at = '2026-01-01T00:00:00Z'
  await lock.update(ledger =>
    adopt(ledger, { version, image: of, by: '', run: '', runUrl: '', intendedAt: at }),
  )
  await lock.store('r0', found.payload)
  return found.payload.objects
}

describe('a first release', () => {
  const before = () =>
    [
      deployment({ image: image(), replicas: 1 }),
      service,
      `apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: { name: probe }
spec:
  scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: probe }
  minReplicas: 1
  maxReplicas: 3
  targetCPUUtilizationPercentage: 80
`,
      configMap({ A: 'before' }, 'unused'),
    ].join('---\n')

  test('takes over what kubectl wrote in another served version, as its dry run says, and all that it changes comes back', async () => {
    room.kubectlApply(before())
    room.kubectl('rollout', 'status', 'deployment/probe')
    const { target } = await room.open({
      'app.yaml': deployment(),
      'rest.yaml': [
        service,
        scaler
          .replace('maxReplicas: 3', 'maxReplicas: 5')
          .replace('averageUtilization: 80', 'averageUtilization: 60'),
        configMap({ A: 'after' }, 'unused'),
      ].join('---\n'),
    })
    const payload = await target.render({ version: 'v1.0.0', image: room.image, config: {} })
    const plan = await target.rehearse(payload)
    expect(plan.find(({ object }) => object.startsWith('HorizontalPodAutoscaler'))).toMatchObject({
      action: 'update',
      diff: expect.stringContaining('maxReplicas: 5'),
    })
    const lock = await takeFree(target, run('1'))
    expect(await recordBefore(lock, payload)).toContain(`ConfigMap ${room.namespace}/unused`)
    const { id, rollout } = await release(target, lock, 'v1.0.0', room.image)
    expect(rollout.kind).toBe('ready')
    const scale = '{.spec.maxReplicas} {.spec.metrics[0].resource.target.averageUtilization}'
    expect(read('hpa', 'probe', scale)).toBe('5 60')
    expect(read('configmap', 'unused', '{.data.A}')).toBe('after')

    await bringBack(target, lock, 'r0', id)
    await lock.end()
    expect(read('hpa', 'probe', scale)).toBe('3 80')
    expect(read('configmap', 'unused', '{.data.A}')).toBe('before')
  })
})

describe('a workload with no replicas', () => {
  const worker = () => deployment({ name: 'worker', readiness: '' })
  const manifests = () => ({ 'app.yaml': deployment(), 'worker.yaml': worker() })
  const scalerOfWorker = scaler
    .replace('metadata: { name: probe }', 'metadata: { name: worker }')
    .replace('kind: Deployment, name: probe', 'kind: Deployment, name: worker')

  test('is as released where an autoscaler scales it, and reported where a person did', async () => {
    const { target } = await room.open(manifests())
    const lock = await takeFree(target, run('2'))
    room.kubectlApply(scalerOfWorker)
    const { id } = await release(target, lock, 'v2.0.0', room.image)
    room.kubectl('scale', 'deployment/worker', '--replicas=0')
    expect(await target.deviations(id)).toEqual([])

    room.kubectl('delete', 'hpa', 'worker')
    expect(await target.deviations(id)).toEqual([
      {
        object: `Deployment ${room.namespace}/worker`,
        what: 'has no replicas any more',
        by: expect.stringContaining('scale'),
      },
    ])
    room.kubectl('scale', 'deployment/worker', '--replicas=1')
    await recordGood(lock, id)
    await lock.end()
  })
})

describe('an object that is being deleted', () => {
  const held = '{"metadata":{"finalizers":["example.com/empty-first"]}}'
  const free = '{"metadata":{"finalizers":null}}'

  test('is waited for and made anew; one that stays stops the release before anything is touched', async () => {
    room.kubectlApply(configMap({ A: '1' }, 'invoices'))
    room.kubectl('patch', 'configmap', 'invoices', '--type=merge', '-p', held)
    room.kubectl('delete', 'configmap', 'invoices', '--wait=false')
    const uid = read('configmap', 'invoices', '{.metadata.uid}')

    const { target, logged } = await room.open({
      'app.yaml': deployment(),
      'config.yaml': configMap({ A: '2' }, 'invoices'),
    })
    const payload = await target.render({ version: 'v3.0.0', image: room.image, config: {} })
    await expect(target.rehearse(payload)).rejects.toMatchObject({
      reason: 'being-deleted',
      message: expect.stringContaining('its finalizer example.com/empty-first'),
    })

    const lock = await takeFree(target, run('3'))
    const releasing = release(target, lock, 'v3.0.0', room.image)
    while (logged.filter(line => line.includes('invoices is being deleted')).length < 2)
      await new Promise(resolve => setImmediate(resolve))
    room.kubectl('patch', 'configmap', 'invoices', '--type=merge', '-p', free)
    const { id } = await releasing
    expect(await target.deviations(id)).toEqual([])
    expect(read('configmap', 'invoices', '{.data.A}')).toBe('2')
    expect(read('configmap', 'invoices', '{.metadata.uid}')).not.toBe(uid)

    room.kubectl('patch', 'configmap', 'invoices', '--type=merge', '-p', held)
    room.kubectl('delete', 'configmap', 'invoices', '--wait=false')
    expect(await target.deviations(id)).toEqual([
      expect.objectContaining({
        object: `ConfigMap ${room.namespace}/invoices`,
        what: expect.stringContaining('is being deleted'),
      }),
    ])
    room.kubectl('patch', 'configmap', 'invoices', '--type=merge', '-p', free)
    await lock.end()
  })
})
