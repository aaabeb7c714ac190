import { describe, expect, test } from '@jest/globals'
import { createIndex, type Index } from '../../../shared/targets/kubernetes/apply/belongings.ts'
import type { Pod, PodEvent, ReplicaSet } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import type { Workload } from '../../../shared/targets/kubernetes/rollout/workload.ts'

const workload = (kind: string, name: string, more: object = {}): Workload => ({
  apiVersion: kind === 'Job' ? 'batch/v1' : 'apps/v1',
  kind,
  metadata: { name, uid: `uid-${name}` },
  changedAt: 0,
  ...more,
})
const deployment = (name: string, revision = '1') =>
  workload('Deployment', name, {
    metadata: {
      name,
      uid: `uid-${name}`,
      annotations: { 'deployment.kubernetes.io/revision': revision },
    },
  })
const replicaSet = (uid: string, owner: string, revision: string): ReplicaSet => ({
  metadata: {
    name: uid,
    uid,
    annotations: { 'deployment.kubernetes.io/revision': revision },
    ownerReferences: [{ uid: owner }],
  },
})
const pod = (uid: string, owner: string, labels: Record<string, string> = {}): Pod => ({
  metadata: { name: uid, uid, labels, ownerReferences: [{ uid: owner }] },
})
const event = (uid: string, about: string, kind = 'Pod', name = ''): PodEvent => ({
  metadata: { uid },
  involvedObject: { uid: about, kind, name },
})
const names = (pods: Pod[]) => pods.map(({ metadata }) => metadata.name)

/** The pods of two Deployments, of which one has an older revision still. */
function shop(): Index {
  const index = createIndex()
  index.pods.put(pod('before', 'rs-a'))
  index.workloads.put(deployment('a', '2'))
  index.workloads.put(deployment('b'))
  index.replicaSets.put(replicaSet('rs-a', 'uid-a', '2'))
  index.replicaSets.put(replicaSet('rs-old', 'uid-a', '1'))
  index.replicaSets.put(replicaSet('rs-b', 'uid-b', '1'))
  index.pods.put(pod('old', 'rs-old'))
  index.pods.put(pod('b-1', 'rs-b'))
  index.pods.put(pod('stray', 'rs-of-another'))
  index.takeChanged()
  return index
}
const keyOfA = 'apps/Deployment//a'

describe('what belongs to a Deployment', () => {
  test('are the pods of its current ReplicaSet, whichever came first, and those of earlier ones apart', () => {
    const of = shop().of(deployment('a'))
    expect(names(of.pods)).toEqual(['before'])
    expect(names(of.older)).toEqual(['old'])
    expect(of.makers).toEqual(['uid-a', 'rs-a'])
    expect(names(shop().of(deployment('b')).pods)).toEqual(['b-1'])
  })

  test('changes with its revision', () => {
    const index = shop()
    index.workloads.put(deployment('a', '1'))
    expect(names(index.of(deployment('a')).pods)).toEqual(['old'])
  })

  test('is nothing once it is deleted; made again it is another', () => {
    const index = shop()
    index.workloads.drop('uid-a')
    expect(index.of(deployment('a'))).toMatchObject({ workload: undefined, pods: [], older: [] })
    index.workloads.put({ ...deployment('a'), metadata: { name: 'a', uid: 'another' } })
    index.workloads.drop('uid-a')
    expect(index.of(deployment('a')).workload?.metadata.uid).toBe('another')
  })
})

describe('of other kinds', () => {
  test('the label of the revision tells which pods are current', () => {
    const index = createIndex()
    index.workloads.put(workload('StatefulSet', 's', { status: { updateRevision: 's-2' } }))
    const generation = { 'deprecated.daemonset.template.generation': '7' }
    const metadata = { name: 'd', uid: 'uid-d', annotations: generation }
    index.workloads.put(workload('DaemonSet', 'd', { metadata }))
    index.workloads.put(workload('Job', 'j'))
    index.pods.put(pod('s-0', 'uid-s', { 'controller-revision-hash': 's-1' }))
    index.pods.put(pod('s-1', 'uid-s', { 'controller-revision-hash': 's-2' }))
    index.pods.put(pod('d-0', 'uid-d', { 'pod-template-generation': '6' }))
    index.pods.put(pod('d-1', 'uid-d', { 'pod-template-generation': '7' }))
    index.pods.put(pod('j-0', 'uid-j'))
    const of = (kind: string, name: string) => {
      const { pods, older } = index.of(workload(kind, name))
      return [names(pods), names(older)]
    }
    expect(of('StatefulSet', 's')).toEqual([['s-1'], ['s-0']])
    expect(of('DaemonSet', 'd')).toEqual([['d-1'], ['d-0']])
    expect(of('Job', 'j')).toEqual([['j-0'], []])
  })
})

describe('what a change is about', () => {
  test.each<[string, (index: Index) => void, string[]]>([
    ['the workload', index => index.workloads.put(deployment('a', '3')), [keyOfA]],
    ['a pod of it', index => index.pods.put(pod('before', 'rs-a')), [keyOfA]],
    ['a pod that is gone', index => index.pods.drop('before'), [keyOfA]],
    ['its ReplicaSet', index => index.replicaSets.put(replicaSet('rs-a', 'uid-a', '2')), [keyOfA]],
    ['an event of a pod', index => index.events.put(event('e', 'before')), [keyOfA]],
    ['an event of its ReplicaSet', index => index.events.put(event('e', 'rs-a', 'ReplicaSet')), [keyOfA]],
    ['a pod of another workload', index => index.pods.put(pod('stray', 'rs-of-another')), []],
    ['an event of another object', index => index.events.put(event('e', 'another')), []],
    [
      'a claim, which any pod may wait for',
      index => index.events.put(event('e', 'x', 'PersistentVolumeClaim', 'data')),
      [keyOfA, 'apps/Deployment//b'],
    ],
  ])('%s', (_what, change, keys) => {
    const index = shop()
    change(index)
    expect([...index.takeChanged()]).toEqual(keys)
    expect([...index.takeChanged()]).toEqual([])
  })
})

test('events are found by what they are about, the newest last; pods that end are counted', () => {
  const index = shop()
  index.events.put(event('1', 'before'))
  index.events.put(event('2', 'before'))
  index.events.put(event('1', 'before'))
  index.events.put(event('c', 'x', 'PersistentVolumeClaim', 'data'))
  const of = () => index.of(deployment('a'))
  expect(
    of()
      .eventsOf('before')
      .map(({ metadata }) => metadata.uid),
  ).toEqual(['2', '1'])
  expect(of().eventsOfClaim('data')).toHaveLength(1)
  index.events.drop('1')
  expect(of().eventsOf('before')).toHaveLength(1)
  expect(of().someEnding).toBe(false)
  const ending = pod('stray', 'x')
  index.pods.put({ metadata: { ...ending.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } })
  expect(of().someEnding).toBe(true)
  index.pods.drop('stray')
  expect(of().someEnding).toBe(false)
})
