import { describe, expect, test } from '@jest/globals'
import { planApply } from '../../../shared/targets/kubernetes/apply/apply.ts'
import { changedFields } from '../../../shared/targets/kubernetes/ownership/fields.ts'
import type {
  FieldSet,
  KubeObject,
  ManagedFields,
} from '../../../shared/targets/kubernetes/manifests/objects.ts'
import {
  fieldsOf,
  knownFields,
  matchingKey,
  ownsField,
  scalingController,
  takenFields,
} from '../../../shared/targets/kubernetes/ownership/ownership.ts'
import { scaledBy } from '../../../shared/targets/kubernetes/manifests/render.ts'

interface Owned {
  manager: string
  fields: FieldSet
  version?: string
  subresource?: string
}

function owned({ manager, fields, version = 'autoscaling/v2', subresource }: Owned): ManagedFields {
  return {
    manager,
    operation: manager === 'runbook' ? 'Apply' : 'Update',
    apiVersion: version,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(subresource === undefined ? {} : { subresource }),
  }
}

function objectOf(apiVersion: string, kind: string, spec: object, ...entries: Owned[]): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: {
      name: 'orders',
      namespace: 'n',
      uid: 'u',
      resourceVersion: '7',
      managedFields: entries.map(owned),
    },
    spec: spec as Record<string, unknown>,
  }
}

const applying = { scaled: new Set<string>(), conflicts: 'stop' } as const
const scaler = (...entries: Owned[]) =>
  objectOf('autoscaling/v2', 'HorizontalPodAutoscaler', { maxReplicas: 5 }, ...entries)
const maxReplicas: FieldSet = { 'f:spec': { 'f:maxReplicas': {} } }
const percentage: FieldSet = { 'f:spec': { 'f:targetCPUUtilizationPercentage': {} } }

/** What is written before each apply, as `version: fields of this suite | managers that are left`. */
function owningOf(live: KubeObject, manifest = scaler()): string[] {
  return planApply(manifest, live, applying).map(write => {
    if (write.type !== 'own') return write.type
    const [ours, ...rest] = write.managedFields
    const fields = Object.keys(ours?.fieldsV1['f:spec'] ?? {}).join(' ')
    return `${ours?.manager} ${ours?.apiVersion}: ${fields} | ${rest.map(({ manager }) => manager).join(' ')}`
  })
}

describe('a first contact', () => {
  test('takes over what a tool wrote in another served version, in that version', () => {
    const live = scaler({
      manager: 'kubectl-client-side-apply',
      version: 'autoscaling/v1',
      fields: percentage,
    })
    expect(owningOf(live)).toEqual(['runbook autoscaling/v1: f:targetCPUUtilizationPercentage | ', 'apply'])
  })

  test('takes over one version after the other, its own last, and leaves every controller what it owns', () => {
    const live = scaler(
      { manager: 'helm', fields: maxReplicas },
      { manager: 'kubectl-client-side-apply', version: 'autoscaling/v1', fields: percentage },
      { manager: 'kube-controller-manager', fields: { 'f:status': {} }, subresource: 'status' },
      { manager: 'keda', version: 'autoscaling/v1', fields: { 'f:spec': { 'f:minReplicas': {} } } },
    )
    expect(owningOf(live)).toEqual([
      'runbook autoscaling/v1: f:targetCPUUtilizationPercentage | kube-controller-manager keda',
      'apply',
      'runbook autoscaling/v2: f:maxReplicas | kube-controller-manager keda',
      'apply',
    ])
  })

  test('takes over the replicas that `kubectl scale` set through its subresource', () => {
    const manifest = objectOf('apps/v1', 'Deployment', {
      replicas: 2,
      template: { spec: { containers: [] } },
    })
    const live: KubeObject = {
      ...manifest,
      metadata: {
        ...manifest.metadata,
        managedFields: [
          owned({
            manager: 'kubectl',
            version: 'apps/v1',
            fields: { 'f:spec': { 'f:replicas': {} } },
            subresource: 'scale',
          }),
        ],
      },
    }
    expect(owningOf(live, manifest)).toEqual(['runbook apps/v1: f:replicas | ', 'apply'])
  })

  test('of an object that this suite knows takes nothing over', () => {
    const live = scaler(
      { manager: 'runbook', fields: maxReplicas },
      { manager: 'kubectl-edit', version: 'autoscaling/v1', fields: percentage },
    )
    expect(owningOf(live)).toEqual(['apply'])
  })
})

describe('the number of replicas', () => {
  const workload = (...entries: Owned[]) =>
    objectOf('apps/v1', 'StatefulSet', { replicas: 0, template: { spec: { containers: [] } } }, ...entries)
  const replicas: FieldSet = { 'f:spec': { 'f:replicas': {} } }

  test.each<[string, string | undefined, string | undefined]>([
    ['keda', 'scale', 'keda'],
    ['queue-operator', 'scale', 'queue-operator'],
    ['kubectl', 'scale', undefined],
    ['kube-controller-manager', 'scale', undefined],
    ['queue-operator', undefined, undefined],
  ])('set by %s through %s is the controller %s to say', (manager, subresource, controller) => {
    const entry = {
      manager,
      version: 'apps/v1',
      fields: replicas,
      ...(subresource === undefined ? {} : { subresource }),
    }
    expect(scalingController(workload(entry))).toBe(controller)
  })

  test('is not sent where a controller has scaled last', () => {
    const live = workload(
      { manager: 'runbook', version: 'apps/v1', fields: { 'f:spec': { 'f:template': {} } } },
      { manager: 'keda', version: 'apps/v1', fields: replicas, subresource: 'scale' },
    )
    const manifest = objectOf('apps/v1', 'StatefulSet', {
      replicas: 3,
      template: { spec: { containers: [] } },
    })
    const [apply] = planApply(manifest, live, applying)
    expect(apply?.type === 'apply' && apply.object.spec).not.toHaveProperty('replicas')
  })

  test.each<[string, object, object | undefined]>([
    [
      'autoscaling/v1',
      { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db' } },
      { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db' },
    ],
    [
      'keda.sh/v1alpha1',
      { scaleTargetRef: { name: 'worker' } },
      { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' },
    ],
    ['example.com/v1', { scaleTargetRef: null }, undefined],
  ])('is said by an autoscaler of %s that names its target', (apiVersion, spec, target) => {
    expect(scaledBy(objectOf(apiVersion, 'Scaler', spec))).toEqual(target)
  })
})

describe('lists with a key of several parts', () => {
  const tcp = 'k:{"port":53,"protocol":"TCP"}'
  const udp = 'k:{"port":53,"protocol":"UDP"}'
  const ports: FieldSet = { 'f:spec': { 'f:ports': { [tcp]: { '.': {} }, [udp]: { '.': {} } } } }
  const service = (...of: object[]): KubeObject =>
    objectOf('v1', 'Service', { ports: of }, { manager: 'kubectl', version: 'v1', fields: ports })

  test('are matched by all of them; a part that is left out has its default', () => {
    expect(matchingKey({ port: 53 }, [udp, tcp])).toBe(tcp)
    expect(matchingKey({ port: 53, protocol: 'UDP' }, [tcp, udp])).toBe(udp)
    expect(matchingKey({ port: 54 }, [tcp, udp])).toBeUndefined()
    const manifest = service({ name: 'dns', port: 53 }, { name: 'udp', port: 53, protocol: 'UDP' })
    expect(Object.keys(fieldsOf(manifest.spec, ports['f:spec'] ?? {})['f:ports'] ?? {})).toEqual([
      '.',
      tcp,
      udp,
    ])
  })

  test('are compared by all of them, wherever an item stands', () => {
    const live = service({ port: 53, protocol: 'UDP', nodePort: 30_053 }, { port: 53, protocol: 'TCP' })
    const after = service({ port: 53, protocol: 'TCP' }, { port: 53, protocol: 'UDP', nodePort: 30_054 })
    expect(changedFields(live, after)).toEqual([
      {
        field: 'spec.ports[port=53,protocol=UDP].nodePort',
        keys: ['f:spec', 'f:ports', udp, 'f:nodePort'],
        from: '30053',
        to: '30054',
      },
    ])
  })

  test('name what another manager has taken', () => {
    const live = service({ port: 53, protocol: 'UDP', targetPort: 5353 }, { port: 53, protocol: 'TCP' })
    live.metadata.managedFields = [
      owned({
        manager: 'kubectl-edit',
        version: 'v1',
        fields: { 'f:spec': { 'f:ports': { [udp]: { 'f:targetPort': {} } } } },
      }),
    ]
    const manifest = service({ port: 53 }, { port: 53, protocol: 'UDP', targetPort: 53 })
    expect(takenFields(manifest, live)).toEqual([
      { path: 'spec.ports[port=53,protocol=UDP].targetPort', manager: 'kubectl-edit' },
    ])
  })
})

test('a field is this suite’s as long as no other manager has changed it, be it in a list that is owned whole', () => {
  const live = objectOf(
    'v1',
    'ConfigMap',
    {},
    { manager: 'runbook', version: 'v1', fields: { 'f:args': {}, 'f:data': { 'f:A': {} } } },
    { manager: 'kubectl-edit', version: 'v1', fields: { 'f:data': { 'f:B': {} } } },
  )
  expect(ownsField(live, ['f:args', 'i:0'])).toBe(true)
  expect(ownsField(live, ['f:data', 'f:A'])).toBe(true)
  expect(ownsField(live, ['f:data', 'f:B'])).toBe(false)
  expect(Object.keys(knownFields(live)['f:data'] ?? {})).toEqual(['f:A', 'f:B'])
})
