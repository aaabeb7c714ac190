import { describe, expect, test } from '@jest/globals'
import { readDocuments } from '../../../shared/targets/kubernetes/manifests/documents.ts'
import { generatedBy, refuseOwnRecords } from '../../../shared/targets/kubernetes/manifests/generated.ts'
import { objectsIn } from '../../../shared/targets/kubernetes/manifests/manifests.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'

const object = (apiVersion: string, kind: string, metadata: object, rest: object = {}) =>
  ({ apiVersion, kind, metadata: { name: 'web', ...metadata }, ...rest }) as KubeObject
const ownedBy = (kind: string, controller = true) => ({
  ownerReferences: [{ apiVersion: 'x/v1', kind, name: 'owner', uid: '1', controller }],
})

describe('of what kubectl exports, that is not applied which', () => {
  test.each<[string, KubeObject, RegExp]>([
    [
      'a ReplicaSet makes',
      object('v1', 'Pod', ownedBy('ReplicaSet')),
      /its controller ReplicaSet owner makes it/,
    ],
    ['a Deployment makes', object('apps/v1', 'ReplicaSet', ownedBy('Deployment')), /Deployment owner/],
    ['a CronJob makes', object('batch/v1', 'Job', ownedBy('CronJob')), /CronJob owner/],
    ['a Service makes', object('discovery.k8s.io/v1', 'EndpointSlice', ownedBy('Service')), /Service owner/],
    ['an event is', object('events.k8s.io/v1', 'Event', {}), /reports what happened/],
    [
      'follows from a Service',
      object('v1', 'Endpoints', { labels: { 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' } }),
      /follows from the Service/,
    ],
    ['each cluster has', object('v1', 'ConfigMap', { name: 'kube-root-ca.crt' }), /each cluster/],
    ['Helm records', object('v1', 'Secret', {}, { type: 'helm.sh/release.v1' }), /record of Helm/],
    [
      'this suite records',
      object('v1', 'Secret', { labels: { 'runbook/part': '1-of-1' } }),
      /record of runbook-actions/,
    ],
    [
      'is the lock of this suite',
      object('coordination.k8s.io/v1', 'Lease', { annotations: { 'runbook/ledger': '{}' } }),
      /record of runbook-actions/,
    ],
  ])('%s', (_what, found, why) => {
    expect(generatedBy(found)).toMatch(why)
  })

  test.each<[string, KubeObject]>([
    ['a pod of its own', object('v1', 'Pod', {})],
    ['a Secret that an operator made', object('v1', 'Secret', ownedBy('ExternalSecret'))],
    ['an object with an owner that is no controller', object('v1', 'Pod', ownedBy('ReplicaSet', false))],
    ['an Endpoints object of an address outside', object('v1', 'Endpoints', {})],
    ['a Lease of another program', object('coordination.k8s.io/v1', 'Lease', {})],
    ['a custom Event', object('shop.example.com/v1', 'Event', {})],
    ['an object whose owners are no list', object('v1', 'Pod', { ownerReferences: 'x' })],
  ])('but %s is applied', (_what, found) => {
    expect(generatedBy(found)).toBeUndefined()
  })

  test('each is named with its line', () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web }
  - apiVersion: v1
    kind: Pod
    metadata: { name: web-1, ownerReferences: [{ kind: ReplicaSet, name: web-1, controller: true }] }
`
    const { objects, notices } = objectsIn('k8s', readDocuments('a.yaml', text), 'x')
    expect(objects.map(({ kind }) => kind)).toEqual(['Deployment'])
    expect(notices).toEqual(['a.yaml:7 Pod web-1: left out, since its controller ReplicaSet web-1 makes it'])
  })
})

test('a manifest never takes the place of the lock and the records', () => {
  const refused = (apiVersion: string, kind: string, name: string) => () =>
    refuseOwnRecords([object(apiVersion, kind, { name })], 'orders')
  expect(refused('coordination.k8s.io/v1', 'Lease', 'runbook-orders')).toThrow(
    'manifests: Lease runbook-orders has the name of what runbook-actions keeps for this environment',
  )
  expect(refused('v1', 'Secret', 'runbook-orders-3')).toThrow('Secret runbook-orders-3')
  expect(refused('v1', 'Secret', 'runbook-orders-env')).not.toThrow()
  expect(refused('v1', 'ConfigMap', 'runbook-orders-3')).not.toThrow()
})

test('a name that is to be generated is refused: what has none cannot be applied', () => {
  const text = 'apiVersion: batch/v1\nkind: Job\nmetadata: { generateName: migrate- }\n'
  expect(() => objectsIn('k8s', readDocuments('a.yaml', text), 'x')).toThrow(
    'a.yaml:3 Job has generateName and no name, with which it can be created and not applied',
  )
})
