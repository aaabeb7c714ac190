import { describe, expect, test } from '@jest/globals'
import { planApply } from '../../../shared/targets/kubernetes/apply/apply.ts'
import type {
  FieldSet,
  KubeObject,
  ManagedFields,
} from '../../../shared/targets/kubernetes/manifests/objects.ts'
import {
  difference,
  foreignFields,
  intersection,
  pathsOf,
  union,
} from '../../../shared/targets/kubernetes/ownership/ownership.ts'
import { leftOut } from '../../../shared/targets/kubernetes/apply/prune.ts'
import { planRestore } from '../../../shared/targets/kubernetes/restore/restore.ts'

const app = 'k:{"name":"app"}'
const byHand = 'k:{"name":"BY_HAND"}'

function owned(
  manager: string,
  operation: 'Apply' | 'Update',
  fieldsV1: FieldSet,
  subresource?: string,
): ManagedFields {
  return {
    manager,
    operation,
    apiVersion: 'apps/v1',
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource ? { subresource } : {}),
  }
}

const manifest: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'api', namespace: 'production' },
  spec: { replicas: 2, template: { spec: { containers: [{ name: 'app', image: 'i' }] } } },
}
const live = (...managedFields: ManagedFields[]): KubeObject => ({
  ...manifest,
  metadata: { ...manifest.metadata, uid: 'u', resourceVersion: '7', managedFields },
})
const containers = (of: FieldSet): FieldSet => ({
  'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { [app]: of } } } },
})
const ours = owned(
  'runbook',
  'Apply',
  union(containers({ 'f:image': {} }), { 'f:spec': { 'f:replicas': {} } }),
)
const setEnv = containers({ 'f:env': { '.': {}, [byHand]: { '.': {}, 'f:name': {}, 'f:value': {} } } })

describe('sets of fields', () => {
  const a: FieldSet = { 'f:a': { 'f:x': {}, 'f:y': {} }, 'f:b': {} }
  test('are joined, met and taken from each other', () => {
    expect(union(a, { 'f:a': { 'f:z': {} }, 'f:c': {} })).toEqual({
      'f:a': { 'f:x': {}, 'f:y': {}, 'f:z': {} },
      'f:b': {},
      'f:c': {},
    })
    expect(intersection(a, { 'f:a': { 'f:x': {} } })).toEqual({ 'f:a': { 'f:x': {} } })
    expect(intersection(a, { 'f:a': {} })).toEqual({ 'f:a': { 'f:x': {}, 'f:y': {} } })
    expect(intersection(a, { 'f:a': { 'f:z': {} } })).toEqual({})
    expect(difference(a, { 'f:a': { 'f:x': {} }, 'f:b': {} })).toEqual({ 'f:a': { 'f:y': {} } })
    expect(difference(a, { 'f:a': {} })).toEqual({ 'f:b': {} })
    expect(difference(a, a)).toEqual({})
  })
  test('are named as people would', () => {
    expect(pathsOf(setEnv)).toEqual(['spec.template.spec.containers[name=app].env'])
    expect(pathsOf({ 'f:data': { 'f:A': {}, 'f:B': {} } })).toEqual(['data.A', 'data.B'])
  })
})

describe('what others own', () => {
  test('counts in the pod template alone, and not what controllers write to the status', () => {
    const object = live(
      ours,
      owned('kubectl-set', 'Update', union(setEnv, { 'f:metadata': { 'f:annotations': { 'f:x': {} } } })),
      owned('kube-controller-manager', 'Update', { 'f:status': {} }, 'status'),
      owned('kubectl-scale', 'Update', { 'f:spec': { 'f:replicas': {} } }, 'scale'),
    )
    expect(foreignFields(object)).toEqual(setEnv)
  })

  test('is taken over and dropped in the write that restores the rest', () => {
    const { writes, leftovers } = planRestore(
      manifest,
      live(ours, owned('kubectl-set', 'Update', setEnv)),
      {},
      new Set(),
    )
    expect(writes.map(({ type }) => type)).toEqual(['own', 'apply'])
    const [own, apply] = writes
    expect(own).toMatchObject({
      managedFields: [{ manager: 'runbook', fieldsV1: union(ours.fieldsV1, setEnv) }],
    })
    expect(own?.type === 'own' && own.managedFields).toHaveLength(1)
    expect(apply).toMatchObject({ force: true, object: manifest })
    expect(leftovers).toEqual(['spec.template.spec.containers[name=app].env'])
  })

  test('stays when it was there as the release became good', () => {
    const object = live(ours, owned('injector', 'Update', setEnv))
    expect(
      planRestore(manifest, object, foreignFields(object), new Set()).writes.map(({ type }) => type),
    ).toEqual(['apply'])
  })

  test('is no leftover when the release sets it too, and has no other owner afterwards', () => {
    const image = owned('kubectl-set', 'Update', containers({ 'f:image': {} }))
    const { writes, leftovers } = planRestore(manifest, live(ours, image), {}, new Set())
    expect(leftovers).toEqual([])
    expect(writes[0]).toMatchObject({ type: 'own', managedFields: [{ manager: 'runbook' }] })
  })
})

describe('an apply', () => {
  test('takes over at its first contact what a deployment tool owns, and nothing of a controller', () => {
    const kubectl = owned('kubectl-client-side-apply', 'Update', union(containers({ 'f:image': {} }), setEnv))
    const other = owned('vpa-updater', 'Update', containers({ 'f:resources': {} }))
    const [own, apply] = planApply(manifest, live(kubectl, other), { scaled: new Set(), conflicts: 'stop' })
    expect(own).toMatchObject({ managedFields: [{ manager: 'runbook', fieldsV1: kubectl.fieldsV1 }, other] })
    expect(apply).toMatchObject({ type: 'apply', force: false })
  })

  test('later leaves to others what they took', () => {
    const edited = owned('kubectl-edit', 'Update', setEnv)
    expect(
      planApply(manifest, live(ours, edited), { scaled: new Set(), conflicts: 'stop' }).map(
        ({ type }) => type,
      ),
    ).toEqual(['apply'])
  })

  test('never sends the replicas of a scaled workload, and lets go of them without resetting them', () => {
    const scaled = new Set(['apps/Deployment/production/api'])
    const [own, apply] = planApply(manifest, live(ours), { scaled, conflicts: 'take' })
    expect(own).toMatchObject({ type: 'own' })
    expect(JSON.stringify(own)).not.toContain('f:replicas')
    expect(apply?.type === 'apply' && apply.object.spec).not.toHaveProperty('replicas')
    expect(planApply(manifest, undefined, { scaled, conflicts: 'take' })).toHaveLength(1)
  })
})

test('what left the manifests is found, but never what holds data or everything', () => {
  const object = (kind: string, name: string): KubeObject => ({
    apiVersion: kind === 'CustomResourceDefinition' ? 'apiextensions.k8s.io/v1' : 'v1',
    kind,
    metadata: { name, namespace: 'n' },
  })
  const kinds = [
    'ConfigMap',
    'PersistentVolumeClaim',
    'PersistentVolume',
    'Namespace',
    'CustomResourceDefinition',
  ]
  const before = [
    ...kinds.map(kind => object(kind, 'gone')),
    object('Secret', 'kept'),
    object('Service', 'gone'),
  ]
  const names = leftOut(before, [object('Secret', 'kept')]).map(({ kind }) => kind)
  expect(names).toEqual(['Service', 'ConfigMap'])
})
