import { expect, test } from '@jest/globals'
import type { Client } from '../../../shared/targets/kubernetes/api/client.ts'
import { awaitDeletion, type Deletion } from '../../../shared/targets/kubernetes/apply/deletion.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'

const dying: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'invoices',
    namespace: 'n',
    uid: 'old',
    deletionTimestamp: '2026-01-01T00:00:00Z',
    finalizers: ['cloud.example.com/empty-first'],
  },
}

/** A cluster that shows these objects one look after the other, and the last of them ever after. */
function deletion(...looks: (KubeObject | undefined)[]) {
  let elapsed = 0
  const told: string[] = []
  const ports: Deletion = {
    client: {
      get: () => Promise.resolve(looks.length > 1 ? looks.shift() : looks[0]),
    } as unknown as Client,
    clock: {
      now: () => 0,
      elapsed: () => elapsed,
      sleep: ms => Promise.resolve(void (elapsed += ms)),
    },
    signal: new AbortController().signal,
    tell: line => void told.push(line),
  }
  return { ports, told }
}

test('an object that is being deleted is waited for, by name and finalizer, until it is gone', async () => {
  const { ports, told } = deletion(dying, dying, undefined)
  expect(await awaitDeletion(ports, '/x', dying, 60_000)).toBeUndefined()
  expect(told).toEqual([
    'ConfigMap n/invoices is being deleted since 2026-01-01T00:00:00Z, and waits for its finalizer cloud.example.com/empty-first: waiting until it is gone.',
  ])
})

test('one that was made anew meanwhile is another object', async () => {
  const anew = { ...dying, metadata: { name: 'invoices', namespace: 'n', uid: 'new' } }
  expect(await awaitDeletion(deletion(anew).ports, '/x', dying, 60_000)).toBe(anew)
})

test('one that stays ends the wait with what holds it', async () => {
  await expect(awaitDeletion(deletion(dying).ports, '/x', dying, 60_000)).rejects.toMatchObject({
    reason: 'being-deleted',
    message: expect.stringContaining('ConfigMap n/invoices is being deleted'),
    hint: expect.stringContaining('kubectl describe configmap invoices'),
  })
})
