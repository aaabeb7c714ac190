import { describe, expect, test } from '@jest/globals'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { originOf } from '../../../shared/targets/kubernetes/inspect/receivers.ts'
import { released } from '../release/releases.ts'
import { emptyLedger } from '../../../shared/release/ledger.ts'

const image = (digit: number) => `registry.example.com/api@sha256:${String(digit).repeat(64)}`
const ledger = ['v1.0.0', 'v1.1.0'].reduce(
  (before, version, index) => released(before, version, { image: image(index) }),
  emptyLedger('api', 'production'),
)

const template = (of: string, value = 'a') => ({
  metadata: { labels: { app: 'api' } },
  spec: { containers: [{ name: 'api', image: of, env: [{ name: 'COLOUR', value }] }] },
})
const stamped = (version: string, of: string) => ({ 'runbook/version': version, 'runbook/image': of })

/** The workload after v1.1.0 (r2) was applied. */
const workload: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    ...{ name: 'api', uid: 'd' },
    labels: { 'runbook/release': 'r2' },
    annotations: stamped('v1.1.0', image(1)),
  },
  spec: { template: template(image(1)) },
}
const replicaSet = (
  uid: string,
  of: string,
  annotations: Record<string, string>,
  value = 'a',
): KubeObject => ({
  ...{ apiVersion: 'apps/v1', kind: 'ReplicaSet' },
  metadata: { name: uid, uid, annotations, ownerReferences: [{ uid: 'd', kind: 'Deployment', name: 'api' }] },
  spec: { template: template(of, value) },
})
const pod = (owner: string, of: string, labels: Record<string, string> = {}): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod' },
  metadata: {
    ...{ name: 'p', uid: 'p', labels },
    ownerReferences: [{ uid: owner, kind: 'ReplicaSet', name: owner }],
  },
  spec: { containers: [{ name: 'api', image: of }] },
})

const older = replicaSet('one', image(0), stamped('v1.0.0', image(0)))
const current = replicaSet('two', image(1), stamped('v1.1.0', image(1)))

describe('a pod is of', () => {
  test('the release that the workload says it is, when its revision is the current one', () => {
    expect(originOf(pod('two', image(1)), workload, [older, current], ledger)).toEqual({
      ...{ release: 'r2', version: 'v1.1.0', image: image(1) },
    })
  })

  test('the release of then, when its revision is an earlier one: the workload names the new one already', () => {
    expect(originOf(pod('one', image(0)), workload, [older, current], ledger)).toEqual({
      ...{ release: 'r1', version: 'v1.0.0', image: image(0) },
    })
  })

  test('an earlier release also when only its configuration differs', () => {
    const twin = replicaSet('three', image(1), stamped('v1.1.0', image(1)), 'b')
    const next = { ...workload, spec: { template: template(image(1), 'c') } }
    const again = released(ledger, 'v1.2.0', { image: image(1) })
    const applied = {
      ...next,
      metadata: {
        ...next.metadata,
        labels: { 'runbook/release': 'r3' },
        annotations: stamped('v1.2.0', image(1)),
      },
    }
    expect(originOf(pod('three', image(1)), applied, [twin], again)).toMatchObject({ release: 'r2' })
  })

  test('no release, when another image was set by hand', () => {
    const set = { ...workload, spec: { template: template('api:mine') } }
    expect(originOf(pod('x', 'api:mine'), set, [replicaSet('x', 'api:mine', {})], ledger)).toEqual({
      ...{ release: null, version: 'mine', image: 'api:mine' },
    })
  })

  test('what was there before, which bears no mark, by the digest that runs', () => {
    const adopted = released(emptyLedger('api', 'production'), 'v0.9.0', { image: image(0) })
    const plain = {
      ...workload,
      metadata: { name: 'api', uid: 'd' },
      spec: { template: template('registry.example.com/api:v0.9.0') },
    }
    const running = {
      ...pod('one', 'registry.example.com/api:v0.9.0'),
      status: { containerStatuses: [{ name: 'api', imageID: image(0) }] },
    }
    const made = replicaSet('one', 'registry.example.com/api:v0.9.0', {})
    expect(originOf(running, plain, [made], adopted)).toMatchObject({ release: 'r1', version: 'v0.9.0' })
  })

  test('its release by its image, where revisions may not be read; and a StatefulSet by the label of its pods', () => {
    expect(originOf(pod('one', image(0)), workload, undefined, ledger)).toMatchObject({ release: 'r1' })
    expect(originOf(pod('two', image(1)), workload, undefined, ledger)).toMatchObject({ release: 'r2' })
    const revision = {
      ...older,
      kind: 'ControllerRevision',
      metadata: { ...older.metadata, name: 'api-7c', uid: 'c' },
      spec: {},
      data: { spec: { template: template(image(0)) } },
    }
    const ofSet = pod('set', image(0), { 'controller-revision-hash': 'api-7c' })
    expect(originOf(ofSet, workload, [revision], ledger)).toMatchObject({ release: 'r1' })
  })
})
