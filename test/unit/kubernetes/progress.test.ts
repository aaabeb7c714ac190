import { expect, test } from '@jest/globals'
import { progressOf } from '../../../shared/targets/kubernetes/rollout/progress.ts'

type Row = [what: string, kind: string, spec: Record<string, unknown>, status: object, expected: string]
const set = { observedGeneration: 2, currentRevision: 'r', updateRevision: 'r' }
const onDelete = { updateStrategy: { type: 'OnDelete' } }
const partition = { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } }
const isTrue = (type: string, more: object = {}) => ({ conditions: [{ type, status: 'True', ...more }] })

test.each<Row>([
  ['no replicas', 'Deployment', { replicas: 0 }, { observedGeneration: 2 }, 'done'],
  ['old status', 'Deployment', { replicas: 0 }, { observedGeneration: 1 }, 'unseen'],
  ['paused, but done', 'Deployment', { replicas: 0, paused: true }, { observedGeneration: 2 }, 'done'],
  ['paused', 'Deployment', { paused: true }, { observedGeneration: 2 }, 'failed: paused'],
  ['no replicas', 'StatefulSet', { replicas: 0 }, set, 'done'],
  ['before its controller', 'StatefulSet', {}, {}, 'unseen'],
  ['some to come', 'StatefulSet', { replicas: 3 }, { ...set, updatedReplicas: 1 }, '1 of 3 pods updated'],
  ['too many', 'StatefulSet', { replicas: 1 }, { ...set, replicas: 2 }, '1 pods too many are left'],
  ['not ready', 'StatefulSet', {}, { ...set, updatedReplicas: 1 }, '0 of 1 pods ready'],
  ['ready', 'StatefulSet', {}, { ...set, updatedReplicas: 1, readyReplicas: 1 }, 'done'],
  [
    'ready not long enough',
    'StatefulSet',
    { minReadySeconds: 5 },
    { ...set, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 0 },
    '0 of 1 pods ready',
  ],
  [
    'not closed',
    'StatefulSet',
    {},
    { ...set, updateRevision: 'n', updatedReplicas: 1, readyReplicas: 1 },
    'its controller has not closed the update yet',
  ],
  ['partition, to come', 'StatefulSet', partition, { ...set, readyReplicas: 3 }, '0 of 1 pods updated'],
  ['partition', 'StatefulSet', partition, { ...set, updatedReplicas: 1, readyReplicas: 3 }, 'done'],
  ['OnDelete, not ready', 'StatefulSet', onDelete, set, '0 of 1 pods ready'],
  ['OnDelete', 'StatefulSet', onDelete, { ...set, updateRevision: 'n', readyReplicas: 1 }, 'done'],
  ['no node', 'DaemonSet', {}, { observedGeneration: 2 }, 'done'],
  [
    'some to come',
    'DaemonSet',
    {},
    { observedGeneration: 2, desiredNumberScheduled: 3, updatedNumberScheduled: 1, numberAvailable: 3 },
    '1 of 3 pods updated',
  ],
  [
    'OnDelete',
    'DaemonSet',
    onDelete,
    { observedGeneration: 2, desiredNumberScheduled: 3, numberAvailable: 3 },
    'done',
  ],
  ['started', 'Job', {}, { active: 1 }, '0 of 1 done, 1 active'],
  [
    'failing',
    'Job',
    { backoffLimit: 2 },
    { active: 1, failed: 1 },
    '0 of 1 done, 1 active, 1 of at most 3 attempts failed',
  ],
  ['complete', 'Job', {}, isTrue('Complete'), 'done'],
  ['suspended', 'Job', { suspend: true }, {}, 'done'],
  ['out of attempts', 'Job', {}, isTrue('Failed', { reason: 'BackoffLimitExceeded' }), 'failed: job-failed'],
  [
    'as good as failed',
    'Job',
    {},
    isTrue('FailureTarget', { reason: 'PodFailurePolicy' }),
    'failed: job-failed',
  ],
  ['without a status', 'Certificate', {}, {}, 'done'],
  ['well', 'Certificate', {}, isTrue('Ready'), 'done'],
  [
    'not well',
    'Certificate',
    {},
    { conditions: [{ type: 'Ready', status: 'False', message: 'no issuer' }] },
    'Ready is False: no issuer',
  ],
  ['of the state before', 'Certificate', {}, { observedGeneration: 1, ...isTrue('Ready') }, 'unseen'],
  ['given up', 'Kustomization', {}, isTrue('Stalled', { reason: 'BuildFailed' }), 'failed: stalled'],
])('%s: %s', (_what, kind, spec, status, expected) => {
  const object = { apiVersion: 'x/v1', kind, metadata: { name: 'a', generation: 2 }, spec, status }
  const progress = progressOf(object)
  const shown = {
    done: () => 'done',
    unseen: () => 'unseen',
    going: () => ('state' in progress ? progress.state : ''),
    failed: () => ('class' in progress ? `failed: ${progress.class}` : ''),
  }
  expect(shown[progress.kind]()).toBe(expected)
})

test('a Job that ran out of time says so', () => {
  const object = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate' } }
  const status = isTrue('Failed', { reason: 'DeadlineExceeded', message: 'was active too long' })
  expect(progressOf({ ...object, status })).toMatchObject({
    message: 'Job migrate did not end within activeDeadlineSeconds: was active too long',
  })
})
