import { describe, expect, test } from '@jest/globals'
import { InputError } from '../../../shared/outcome/errors.ts'
import { checkedRecords } from '../../../shared/targets/kubernetes/state/checked-records.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { RecordStore } from '../../../shared/targets/kubernetes/state/records.ts'
import { builtIn, createPaths } from '../../../shared/targets/kubernetes/api/resources.ts'

const object = (apiVersion: string, kind: string, metadata: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'a', namespace: 'production', ...metadata },
})
const ofCluster = (apiVersion: string, kind: string) => object(apiVersion, kind, { namespace: undefined })

/** @param there paths of the objects that are live */
function load(recorded: unknown, now: KubeObject[] | 'unreadable' = [], there: string[] = []) {
  const records = { load: () => Promise.resolve({ body: { manifests: recorded }, snapshot: {}, made: [] }) }
  const checked = checkedRecords(records as unknown as RecordStore, {
    service: 'api',
    namespace: 'production',
    client: { get: path => Promise.resolve(there.includes(path) ? object('v1', 'X') : undefined) },
    paths: createPaths('production', () => Promise.resolve(undefined)),
    manifests: () =>
      now === 'unreadable'
        ? Promise.reject(new InputError('no manifests', { hint: 'Check out.' }))
        : Promise.resolve(now),
  })
  return checked.load('r1', [0])
}

describe('a record that is read', () => {
  test('may have what a release has, also of kinds that the manifests have no more', async () => {
    const recorded = [
      object('apps/v1', 'Deployment'),
      object('v1', 'Secret'),
      object('x.org/v1beta1', 'Thing'),
    ]
    await expect(load(recorded)).resolves.toBeDefined()
    await expect(load(recorded, 'unreadable')).resolves.toBeDefined()
  })

  test.each<[string, unknown]>([
    ['another namespace', [object('v1', 'ConfigMap', { namespace: 'kube-system' })]],
    ['a binding', [object('rbac.authorization.k8s.io/v1', 'RoleBinding')]],
    ['a binding of the cluster', [ofCluster('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding')]],
    ['a webhook', [ofCluster('admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration')]],
    ['a path as a name', [object('v1', 'ConfigMap', { name: '../../secrets/x' })]],
    ['a path as a version', [object('v1/../../x', 'ConfigMap')]],
    ['what is no object', [7]],
    ['no list', { constructor: 1 }],
    ['no manifests', undefined],
  ])('is refused with %s', async (_what, recorded) => {
    await expect(load(recorded)).rejects.toMatchObject({ reason: 'record-refused' })
    await expect(load(recorded, 'unreadable')).rejects.toMatchObject({ reason: 'record-refused' })
  })

  test('may have a kind that decides over rights where the manifests have it, or the object is there', async () => {
    const role = object('rbac.authorization.k8s.io/v1', 'Role')
    await expect(
      load([role], [object('rbac.authorization.k8s.io/v1', 'Role', { name: 'b' })]),
    ).resolves.toBeDefined()
    const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/production/roles/a'
    await expect(load([role], [], [path])).resolves.toBeDefined()
  })
})

test('no kind is built in by a name that every object has', () => {
  expect(builtIn('v1', 'constructor')).toBeUndefined()
  expect(builtIn('__proto__/v1', 'toString')).toBeUndefined()
})
