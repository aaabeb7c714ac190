import { describe, expect, test } from '@jest/globals'
import { asleep } from '../../../shared/targets/kubernetes/asleep.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { claimsOwnedBy, deletesClaims } from '../../../shared/targets/kubernetes/state.ts'

const object = (apiVersion: string, kind: string, rest: object = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'orders', namespace: 'production' },
  ...rest,
})
const workload = (kind: string, spec: object): KubeObject => object('apps/v1', kind, { spec })
const pods = (spec: object): object => ({ template: { spec: { containers: [], ...spec } } })
const claim = (storage: string): KubeObject =>
  object('v1', 'PersistentVolumeClaim', { spec: { resources: { requests: { storage } } } })

describe('claims', () => {
  const retaining = (policy: object) =>
    workload('StatefulSet', { ...pods({}), replicas: 2, persistentVolumeClaimRetentionPolicy: policy })

  test('of a StatefulSet that would take them along are known', () => {
    expect(deletesClaims(retaining({ whenDeleted: 'Delete', whenScaled: 'Retain' }))).toBe(true)
    expect(deletesClaims(retaining({ whenDeleted: 'Retain', whenScaled: 'Delete' }))).toBe(false)
    expect(deletesClaims(workload('StatefulSet', {}))).toBe(false)
  })

  test('are kept while a StatefulSet is stopped that deletes those of pods that are scaled away', () => {
    const live = retaining({ whenDeleted: 'Delete', whenScaled: 'Delete' })
    expect(asleep(live, live).spec).toMatchObject({
      replicas: 0,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
    })
    expect(asleep(workload('StatefulSet', {}), workload('StatefulSet', {})).spec).toEqual({ replicas: 0 })
  })

  test('that the garbage collector would delete with a custom resource are found by its UID', () => {
    const owned = (uid: string): KubeObject => ({
      ...claim('1Gi'),
      metadata: { name: `of-${uid}`, ownerReferences: [{ uid, kind: 'Cluster', name: 'orders' }] },
    })
    const cluster = object('db.example.com/v1', 'Cluster')
    cluster.metadata.uid = 'u1'
    expect(claimsOwnedBy(cluster, [owned('u1'), owned('u2'), claim('1Gi')])).toEqual(['of-u1'])
  })
})
