import { describe, expect, test } from '@jest/globals'
import { requestsOf, surgeOf } from '../../../shared/targets/kubernetes/inspect/capacity.ts'
import { describeLive, versionOf } from '../../../shared/targets/kubernetes/inspect/live.ts'
import type { KubeObject, ManagedFields } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { parseQuantity } from '../../../shared/targets/kubernetes/manifests/quantity.ts'

test.each<[string | undefined, number]>([
  ['250m', 0.25],
  ['1', 1],
  ['1.5', 1.5],
  ['512Mi', 512 * 2 ** 20],
  ['1Gi', 2 ** 30],
  ['1G', 1e9],
  ['1e3', 1_000],
  [undefined, 0],
  ['nonsense', 0],
])('the quantity %s is %d', (text, value) => {
  expect(parseQuantity(text)).toBeCloseTo(value)
})

const deployment = (spec: object): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a' },
  spec: { ...spec },
})

test.each<[object, number, number]>([
  [{ replicas: 4 }, 4, 1],
  [{ replicas: 5 }, 5, 2],
  [{ replicas: 4 }, 0, 4],
  [{}, 8, 2],
  [{ replicas: 3, strategy: { type: 'Recreate' } }, 3, 0],
  [{ replicas: 3, strategy: { rollingUpdate: { maxSurge: 0 } } }, 3, 0],
  [{ replicas: 3, strategy: { rollingUpdate: { maxSurge: '100%' } } }, 3, 3],
])('a rollout of %j with %d live pods adds %d', (spec, live, extra) => {
  expect(surgeOf(deployment(spec), live)).toBe(extra)
})

test('a pod asks for its containers together, or its largest init container', () => {
  const container = (cpu: string, memory: string) => ({
    name: 'c',
    image: 'i',
    resources: { requests: { cpu, memory } },
  })
  const spec = {
    containers: [container('100m', '64Mi'), container('100m', '64Mi')],
    initContainers: [container('1', '32Mi')],
  }
  expect(requestsOf(spec)).toEqual({ cpu: 1, memory: 128 * 2 ** 20, pods: 1 })
})

describe('what is live', () => {
  const live = (image: string, labels: Record<string, string>): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'a',
      generation: 1,
      labels,
      annotations: { 'runbook/image': 'r/a@sha256:1', 'runbook/version': 'v1.0.0' },
    },
    spec: { replicas: 1, template: { spec: { containers: [{ name: 'app', image }] } } },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, availableReplicas: 1 },
  })
  test('is the release that the labels name', () => {
    expect(describeLive(live('r/a@sha256:1', { 'runbook/release': 'r4' }))).toEqual({
      release: 'r4',
      version: 'v1.0.0',
      image: 'r/a@sha256:1',
      ready: true,
    })
  })
  test('is no release any more when another image was set by hand', () => {
    expect(describeLive(live('r/a:hotfix', { 'runbook/release': 'r4' }))).toMatchObject({
      release: null,
      version: 'hotfix',
    })
  })

  const image = (manager: string, operation: 'Apply' | 'Update', container = 'app'): ManagedFields => ({
    manager,
    operation,
    apiVersion: 'apps/v1',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:spec': {
        'f:template': {
          'f:spec': { 'f:containers': { [`k:{"name":"${container}"}`]: { 'f:image': {} } } },
        },
      },
    },
  })
  const admitted = (...managedFields: ManagedFields[]): KubeObject => {
    const object = live('mirror/r/a@sha256:1', { 'runbook/release': 'r4' })
    object.metadata.annotations = { ...object.metadata.annotations, 'runbook/containers': 'app' }
    return { ...object, metadata: { ...object.metadata, managedFields } }
  }
  test('is the release whose image admission has written in another way', () => {
    expect(describeLive(admitted(image('runbook', 'Apply')))).toMatchObject({
      release: 'r4',
      image: 'r/a@sha256:1',
    })
  })
  test('is no release any more when another manager has set the image that admission writes in another way', () => {
    expect(
      describeLive(admitted(image('runbook', 'Apply', 'other'), image('kubectl-set', 'Update'))),
    ).toMatchObject({ release: null, image: 'mirror/r/a@sha256:1' })
  })
  test('is the release whose container admission has renamed, unless another manager has put one there', () => {
    const renamed = (...managedFields: ManagedFields[]) => {
      const object = admitted(...managedFields)
      return {
        ...object,
        spec: { replicas: 1, template: { spec: { containers: [{ name: 'web', image: 'mirror/r/a:1' }] } } },
      }
    }
    expect(describeLive(renamed(image('runbook', 'Apply')))).toMatchObject({ release: 'r4' })
    expect(describeLive(renamed(image('kubectl-edit', 'Update', 'web')))).toMatchObject({ release: null })
  })
})

test.each([
  ['localhost:5000/a:v1', 'v1'],
  ['localhost:5000/a', 'localhost:5000/a'],
  ['a:v1@sha256:1', 'v1'],
])('%s says of itself that it is %s', (image, version) => {
  expect(versionOf(image)).toBe(version)
})
