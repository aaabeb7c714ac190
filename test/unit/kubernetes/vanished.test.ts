import { describe, expect, test } from '@jest/globals'
import { createIndex } from '../../../shared/targets/kubernetes/apply/belongings.ts'
import { blank, judge, type Verdict, type View } from '../../../shared/targets/kubernetes/rollout/judge.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import type { PodEvent } from '../../../shared/targets/kubernetes/rollout/pods.ts'
import { eventSelector } from '../../../shared/targets/kubernetes/apply/trim.ts'
import { trimWorkload } from '../../../shared/targets/kubernetes/rollout/workload.ts'

/** Objects that are looked at, changed and removed one after the other. */
function watch(manifest: KubeObject) {
  const index = createIndex()
  let memory = blank
  return {
    shows(status: object) {
      const live = { ...manifest, metadata: { ...manifest.metadata, uid: 'u' }, status }
      index.workloads.put(trimWorkload(live, manifest.apiVersion, manifest.kind))
    },
    loses: () => index.workloads.drop('u'),
    reports(reason: string, message = '', uid = 'u') {
      const { name } = manifest.metadata
      const event: PodEvent = {
        metadata: { uid: reason },
        reason,
        message,
        involvedObject: { kind: 'Job', name, uid },
      }
      index.events.put(event)
    },
    judge(seconds: number): Verdict {
      const known = { growth: 'no', images: new Map(), arrived: new Set<string>() } as const
      const view: View = { ...index.of(manifest), ...known, manifest, release: 'new' }
      const judged = judge(view, memory, seconds * 1_000)
      memory = judged.memory
      return judged.verdict
    },
  }
}

const job = (spec: object = {}, annotations = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'warm-r1', annotations },
  spec: { template: { spec: { containers: [{ name: 'a', image: 'i' }] } }, ...spec },
})
const complete = { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] }
const active = { active: 1 }
const classOf = (verdict: Verdict) => (verdict.kind === 'doomed' ? verdict.symptom.class : verdict.kind)

describe('a Job that is gone', () => {
  test.each([[{ ttlSecondsAfterFinished: 0 }], [{}]])(
    'counts as what it was seen to be: complete (%j)',
    spec => {
      const seen = watch(job(spec))
      seen.shows(complete)
      expect(classOf(seen.judge(1))).toBe('ready')
      seen.loses()
      expect(classOf(seen.judge(2))).toBe('ready')
      expect(classOf(seen.judge(600))).toBe('ready')
    },
  )

  test('has completed when its controller reported that, whether or not the Job itself was ever seen', () => {
    const seen = watch(job({ ttlSecondsAfterFinished: 0 }))
    seen.shows(active)
    expect(classOf(seen.judge(0))).toBe('progressing')
    seen.loses()
    seen.reports('Completed', 'Job completed')
    expect(classOf(seen.judge(1))).toBe('ready')
    const unseen = watch(job({ ttlSecondsAfterFinished: 0 }))
    unseen.reports('Completed', 'Job completed')
    expect(classOf(unseen.judge(0))).toBe('ready')
    expect(eventSelector).not.toContain('Completed')
  })

  test('has failed when its controller reported that', () => {
    const seen = watch(job({ ttlSecondsAfterFinished: 0 }))
    seen.shows(active)
    seen.judge(0)
    seen.loses()
    seen.reports('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
    expect(seen.judge(1)).toMatchObject({
      kind: 'doomed',
      symptom: { class: 'job-failed', message: expect.stringContaining('backoff limit') },
    })
  })

  test('is not held to the end of another Job of the same name', () => {
    const seen = watch(job())
    seen.shows(active)
    seen.judge(0)
    seen.loses()
    seen.reports('Completed', 'Job completed', 'another')
    seen.judge(1)
    expect(classOf(seen.judge(5))).toBe('job-unknown')
  })

  test('is reported as unknown, not as deleted by a person, when it removes itself and nothing showed its end', () => {
    const seen = watch(job({ ttlSecondsAfterFinished: 5 }))
    expect(classOf(seen.judge(0))).toBe('progressing')
    const verdict = seen.judge(4)
    expect(verdict).toMatchObject({ kind: 'unknown', message: expect.stringContaining('is unknown') })
    expect(JSON.stringify(verdict)).not.toMatch(/by hand|deleted/)
  })

  test('fails the rollout when nothing removes it by itself, and always when it is a migration', () => {
    const plain = watch(job())
    plain.judge(0)
    expect(classOf(plain.judge(4))).toBe('job-unknown')
    const migration = watch(job({ ttlSecondsAfterFinished: 5 }, { 'runbook/migration': 'true' }))
    migration.judge(0)
    expect(classOf(migration.judge(4))).toBe('job-unknown')
  })
})

describe('a custom resource that is gone', () => {
  const resource: KubeObject = {
    apiVersion: 'example.com/v1',
    kind: 'Import',
    metadata: { name: 'i' },
    spec: {},
  }

  test('counts as done when it was seen to be', () => {
    const seen = watch(resource)
    seen.shows({ conditions: [{ type: 'Ready', status: 'True' }] })
    expect(classOf(seen.judge(0))).toBe('ready')
    seen.loses()
    expect(classOf(seen.judge(60))).toBe('ready')
  })

  test('is reported as unknown otherwise', () => {
    const seen = watch(resource)
    seen.shows({ conditions: [{ type: 'Ready', status: 'False', message: 'importing' }] })
    expect(classOf(seen.judge(0))).toBe('progressing')
    seen.loses()
    seen.judge(1)
    expect(classOf(seen.judge(5))).toBe('unknown')
  })
})

test('a workload that is gone fails the rollout, whatever it was before', () => {
  const seen = watch({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'api' },
    spec: { replicas: 0, template: { spec: { containers: [{ name: 'a', image: 'i' }] } } },
  })
  seen.shows({})
  expect(classOf(seen.judge(0))).toBe('ready')
  seen.loses()
  seen.judge(1)
  expect(classOf(seen.judge(5))).toBe('gone')
})
