import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../../shared/host/clock.ts'
import type { KubernetesBody } from '../../../shared/targets/kubernetes/apply/body.ts'
import { bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'
import { enterRoom, type Room } from './cluster.ts'
import { deployment, service } from './manifests.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('forged')
})
afterAll(() => room.leave())

const manifests = { 'app.yaml': deployment({}), 'service.yaml': service }

interface Secret {
  metadata: Record<string, unknown>
  data: { payload: string }
}

/** Writes the record of r1 as a pod could whose account may write Secrets. */
function forge(change: (body: KubernetesBody) => void): void {
  const name = room
    .kubectl('get', 'secrets', '-o', 'name', '-l', 'runbook/release=r1')
    .trim()
    .replace(/^secret\//, '')
  const secret = JSON.parse(room.kubectl('get', 'secret', name, '-o', 'json')) as Secret
  const packed = brotliDecompressSync(Buffer.from(secret.data.payload, 'base64'))
  const body = JSON.parse(packed.toString('utf8')) as KubernetesBody
  change(body)
  const { resourceVersion: _version, uid: _uid, ...metadata } = secret.metadata
  const payload = brotliCompressSync(JSON.stringify(body)).toString('base64')
  room.kubectl('delete', 'secret', name)
  room.kubectlApply(JSON.stringify({ ...secret, metadata, data: { ...secret.data, payload } }))
}

test('a record that binds the account of the service to a role of the cluster is refused, and nothing is made', async () => {
  const { target } = await room.open(manifests)
  const lock = await takeFree(target, run('1'))
  for (const version of ['v1.0.0', 'v1.1.0']) {
    const { id } = await release(target, lock, version, room.image, { VERSION: version })
    await recordGood(lock, id)
  }
  forge(({ manifests: objects }) => {
    const metadata = { name: 'probe-admin', namespace: room.namespace }
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }
    const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: room.namespace }]
    objects.push(
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata, roleRef, subjects },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'elsewhere', namespace: 'default' } },
    )
  })

  const refused = {
    reason: 'record-refused',
    message: expect.stringMatching(/ConfigMap.*elsewhere.*RoleBinding.*probe-admin/) as unknown,
  }
  await expect(target.recall('r1')).rejects.toMatchObject(refused)
  await expect(bringBack(target, lock, 'r1', 'r2')).rejects.toMatchObject(refused)

  expect(room.kubectl('get', 'rolebindings', '-o', 'name')).not.toContain('probe-admin')
  expect(await target.live()).toMatchObject({ release: 'r2', ready: true })
  await lock.end()
})

test('a machine whose clock is hours ahead, or behind, waits for a lock as every other does', async () => {
  const here = await room.open(manifests, { service: 'clocks' })
  await takeFree(here.target, run('1'), 60_000)

  for (const hours of [2, -2]) {
    const shift = hours * 3_600_000
    const clock = { ...systemClock, now: () => systemClock.now() + shift }
    const there = await room.open(manifests, { service: 'clocks', clock })
    const taken = await there.target.take(run('2'), 'work', 60_000)
    if (!('held' in taken)) throw new Error('the lock was taken from its holder')
    // For people it is told by the clock of their own machine.
    expect(taken.held.deadline - clock.now()).toBeGreaterThan(30_000)
    expect(taken.held.deadline - clock.now()).toBeLessThan(90_000)
  }
})
