import { describe, expect, test } from '@jest/globals'
import { planApply } from '../../../shared/targets/kubernetes/apply/apply.ts'
import { fitToLive } from '../../../shared/targets/kubernetes/apply/fit.ts'
import type { FieldSet, KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { effectsOf } from '../../../shared/targets/kubernetes/restore/plan-rollback.ts'
import {
  isReplaceable,
  propagationOf,
  replacement,
} from '../../../shared/targets/kubernetes/apply/replace.ts'
import {
  staleDefaults,
  without,
  withFields,
} from '../../../shared/targets/kubernetes/restore/stale-defaults.ts'

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
const definition = (versions: object[], storedVersions: string[] = []): KubeObject =>
  object('apiextensions.k8s.io/v1', 'CustomResourceDefinition', {
    spec: { versions },
    status: { storedVersions },
  })

describe('what the API server once filled in', () => {
  const rolling = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } }
  const cases: [string, string, object, object, FieldSet][] = [
    [
      'the parameters of a rolling update, beside Recreate',
      'Deployment',
      { strategy: { type: 'Recreate' } },
      { strategy: rolling },
      { 'f:spec': { 'f:strategy': { 'f:rollingUpdate': { 'f:maxSurge': {}, 'f:maxUnavailable': {} } } } },
    ],
    [
      'the partition, beside OnDelete',
      'StatefulSet',
      { updateStrategy: { type: 'OnDelete' } },
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } },
      { 'f:spec': { 'f:updateStrategy': { 'f:rollingUpdate': { 'f:partition': {} } } } },
    ],
    [
      'emptyDir, beside a source',
      'DaemonSet',
      pods({ volumes: [{ name: 'v', configMap: { name: 'c' } }] }),
      pods({ volumes: [{ name: 'v', emptyDir: {} }] }),
      {
        'f:spec': { 'f:template': { 'f:spec': { 'f:volumes': { 'k:{"name":"v"}': { 'f:emptyDir': {} } } } } },
      },
    ],
    [
      'the port of the node, of a pod that leaves its network',
      'Deployment',
      pods({ containers: [{ name: 'app', image: 'i', ports: [{ containerPort: 80 }] }] }),
      pods({
        hostNetwork: true,
        containers: [
          { name: 'app', image: 'i', ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] },
        ],
      }),
      {
        'f:spec': {
          'f:template': {
            'f:spec': {
              'f:containers': {
                'k:{"name":"app"}': {
                  'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { 'f:hostPort': {} } },
                },
              },
            },
          },
        },
      },
    ],
  ]
  test.each(cases)('%s', (_name, kind, wanted, found, stale) => {
    expect(staleDefaults(workload(kind, wanted), workload(kind, found)).stale).toEqual(stale)
  })

  test('stays where the manifest does not exclude it', () => {
    for (const [wanted, found] of [
      [{}, { strategy: rolling }],
      [{ strategy: { type: 'RollingUpdate' } }, { strategy: rolling }],
      [{ strategy: { type: 'Recreate' } }, { strategy: { type: 'Recreate' } }],
      [pods({ volumes: [{ name: 'v' }] }), pods({ volumes: [{ name: 'v', emptyDir: {} }] })],
      [pods({ volumes: [{ name: 'v', emptyDir: {} }] }), pods({ volumes: [{ name: 'v', emptyDir: {} }] })],
    ])
      expect(
        staleDefaults(workload('Deployment', wanted ?? {}), workload('Deployment', found ?? {})),
      ).toEqual({
        stale: {},
        excluded: {},
      })
  })

  test('is owned ahead of the apply, which then removes it', () => {
    const live = workload('Deployment', { strategy: rolling })
    const manifest = workload('Deployment', { strategy: { type: 'Recreate' } })
    const [own, apply] = planApply(manifest, live, { scaled: new Set(), conflicts: 'stop' })
    expect(own).toMatchObject({
      type: 'own',
      managedFields: [
        { manager: 'runbook', operation: 'Apply', fieldsV1: staleDefaults(manifest, live).stale },
      ],
    })
    expect(apply).toMatchObject({ type: 'apply' })
  })

  test('is taken out of a copy, and what excluded it put in', () => {
    const spec = { volumes: [{ name: 'a' }, { name: 'v', emptyDir: {} }], other: 1 }
    const at = (field: string): FieldSet => ({ 'f:volumes': { 'k:{"name":"v"}': { [`f:${field}`]: {} } } })
    expect(
      without(
        { strategy: { rollingUpdate: { maxSurge: 1 } } },
        { 'f:strategy': { 'f:rollingUpdate': { 'f:maxSurge': {} } } },
      ),
    ).toEqual({})
    const bare = without(spec, at('emptyDir'))
    expect(bare).toEqual({ volumes: [{ name: 'a' }, { name: 'v' }], other: 1 })
    const source = { volumes: [{ name: 'v', secret: { secretName: 's' } }] }
    expect(withFields(bare, source, at('secret'))).toEqual({
      volumes: [{ name: 'a' }, { name: 'v', secret: { secretName: 's' } }],
      other: 1,
    })
  })
})

describe('a manifest is fitted to what cannot be undone', () => {
  test('a claim stays as large as it is', () => {
    expect(fitToLive(claim('1Gi'), claim('2Gi'))).toEqual({
      object: claim('2Gi'),
      notes: ['stays at 2Gi instead of 1Gi: a claim cannot shrink'],
    })
    expect(fitToLive(claim('1024Mi'), claim('1Gi')).notes).toEqual([])
    expect(fitToLive(claim('3Gi'), claim('2Gi')).object).toEqual(claim('3Gi'))
  })

  test('a definition keeps the versions in which objects are stored, and goes on storing in them', () => {
    const [old, next] = [
      { name: 'v1alpha1', served: true, storage: true },
      { name: 'v1', served: true, storage: true },
    ]
    const live = definition([{ ...old, storage: false }, next], ['v1alpha1', 'v1'])
    const { object: fitted, notes } = fitToLive(definition([old]), live)
    expect(fitted.spec).toEqual({ versions: [{ ...old, storage: false }, next] })
    expect(notes).toEqual(['keeps the version v1: objects are stored in it'])
    expect(
      fitToLive(definition([old]), definition([old, { ...next, storage: false }], ['v1alpha1'])).notes,
    ).toEqual([])
  })

  test('what stands twice in a list is sent once: a variable with its last value', () => {
    const container = {
      name: 'app',
      image: 'i',
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: 'b' },
        { name: 'A', value: '2' },
      ],
      ports: [
        { name: 'http', containerPort: 80 },
        { name: 'other', containerPort: 80, protocol: 'UDP' },
        { name: 'again', containerPort: 80, protocol: 'TCP' },
      ],
    }
    const cron = object('batch/v1', 'CronJob', {
      spec: { jobTemplate: { spec: pods({ containers: [container] }) } },
    })
    const { object: fitted, notes } = fitToLive(cron, undefined)
    expect(JSON.parse(JSON.stringify(fitted.spec))).toEqual({
      jobTemplate: {
        spec: pods({
          containers: [{ ...container, env: container.env.slice(1), ports: container.ports.slice(0, 2) }],
        }),
      },
    })
    expect(notes).toEqual([
      'container app: env has A more than once; the last one counts',
      'container app: ports has 80/TCP more than once; the first one counts',
    ])
  })

  test('an address with two lists of host names keeps the names of both, as /etc/hosts would have them', () => {
    const hostAliases = [
      { ip: '10.0.0.1', hostnames: ['a', 'b'] },
      { ip: '10.0.0.2', hostnames: ['c'] },
      { ip: '10.0.0.1', hostnames: ['b', 'd'] },
    ]
    const { object: fitted, notes } = fitToLive(
      object('apps/v1', 'Deployment', { spec: pods({ containers: [], hostAliases }) }),
      undefined,
    )
    expect(fitted.spec).toEqual(
      pods({
        containers: [],
        hostAliases: [
          { ip: '10.0.0.1', hostnames: ['a', 'b', 'd'] },
          { ip: '10.0.0.2', hostnames: ['c'] },
        ],
      }),
    )
    expect(notes).toEqual(['hostAliases has 10.0.0.1 more than once; its host names are put together'])
  })
})

describe('a rollback from a release that is not there yet', () => {
  const config = (data: object, immutable?: boolean) =>
    object('v1', 'ConfigMap', { data, ...(immutable === undefined ? {} : { immutable }) })
  const cases: [string, KubeObject, KubeObject, string | undefined][] = [
    ['creates again what becomes immutable', config({ A: '1' }), config({ A: '2' }, true), 'replaced'],
    ['also with the same content', config({ A: '1' }), config({ A: '1' }, true), 'replaced'],
    ['leaves what was immutable before', config({ A: '1' }, true), config({ A: '1' }, true), undefined],
    ['leaves an ordinary change', config({ A: '1' }), config({ A: '2' }), undefined],
    ['leaves a claim that has grown', claim('1Gi'), claim('2Gi'), 'kept'],
    ['does not speak of a claim that stays', claim('1Gi'), claim('1024Mi'), undefined],
    [
      'leaves a new stored version',
      definition([{ name: 'v1alpha1', storage: true }]),
      definition([
        { name: 'v1alpha1', storage: false },
        { name: 'v1', storage: true },
      ]),
      'kept',
    ],
    [
      'takes a version away in which nothing is stored',
      definition([{ name: 'v1alpha1', storage: true }]),
      definition([
        { name: 'v1alpha1', storage: true },
        { name: 'v1', storage: false },
      ]),
      undefined,
    ],
  ]
  test.each(cases)('%s', (_name, good, planned, kind) => {
    expect(effectsOf([good], [planned]).map(each => each.kind)).toEqual(kind === undefined ? [] : [kind])
  })
})

describe('an object that is deleted and created again', () => {
  test('is never one that may hold data', () => {
    const never: [string, string][] = [
      ['v1', 'PersistentVolumeClaim'],
      ['v1', 'PersistentVolume'],
      ['v1', 'Namespace'],
      ['v1', 'ServiceAccount'],
      ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
      ['snapshot.storage.k8s.io/v1', 'VolumeSnapshot'],
      ['postgresql.example.com/v1', 'Cluster'],
      ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
    ]
    for (const [version, kind] of never)
      expect([kind, isReplaceable(object(version, kind))]).toEqual([kind, false])
    const may: [string, string][] = [
      ['v1', 'ConfigMap'],
      ['apps/v1', 'StatefulSet'],
      ['rbac.authorization.k8s.io/v1', 'RoleBinding'],
      ['storage.k8s.io/v1', 'StorageClass'],
    ]
    for (const [version, kind] of may)
      expect([kind, isReplaceable(object(version, kind))]).toEqual([kind, true])
  })

  test('leaves the pods of a StatefulSet to its successor', () => {
    expect(propagationOf(workload('StatefulSet', {}))).toBe('Orphan')
    expect(propagationOf(workload('Deployment', {}))).toBe('Background')
  })

  test('keeps what others rely on and the manifest leaves open', () => {
    const live = workload('Deployment', { ...pods({}), replicas: 7 })
    expect(replacement(workload('Deployment', pods({})), live).spec).toMatchObject({ replicas: 7 })
    const service = (ports: object[]) => object('v1', 'Service', { spec: { type: 'NodePort', ports } })
    expect(
      replacement(
        service([{ port: 80 }, { port: 81 }]),
        service([{ port: 80, protocol: 'TCP', nodePort: 30_001 }]),
      ).spec,
    ).toMatchObject({ ports: [{ port: 80, nodePort: 30_001 }, { port: 81 }] })
  })
})
