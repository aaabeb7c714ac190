import { describe, expect, test } from '@jest/globals'
import { blank, judge } from '../../../shared/targets/kubernetes/rollout/judge.ts'
import type { Container, Probe } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { readyGraceMs, type Start } from '../../../shared/targets/kubernetes/rollout/start-time.ts'
import { after, classOf, container, event, pod, ready, viewOf } from './scene.ts'

describe('the time for a start', () => {
  const grace = (settings: Partial<Container>, known: Partial<Start> = {}) =>
    readyGraceMs({
      container: { name: 'a', image: 'i', ...settings },
      started: false,
      usualMs: undefined,
      answer: '',
      times: 0,
      wasReady: false,
      ...known,
    }) / 1_000
  const refused = { answer: 'Readiness probe failed: HTTP probe failed with statuscode: 404', times: 2 }

  test('is 45 s and the patience of the probe where nothing announces it, and no earlier start is known', () => {
    const settings = { readinessProbe: { periodSeconds: 2, failureThreshold: 2 } }
    expect(grace(settings)).toBe(45 + 5 + 3)
    expect(grace(settings, refused)).toBe(45 + 5 + 3)
  })

  test('is what startupProbe, initial delay or a late liveness probe announce', () => {
    expect(grace({ startupProbe: { periodSeconds: 10, failureThreshold: 30 } })).toBe(301 + 3)
    expect(grace({ readinessProbe: { initialDelaySeconds: 60, periodSeconds: 1 } })).toBe(2 * 64 + 3)
    expect(grace({ livenessProbe: { initialDelaySeconds: 120, periodSeconds: 10 } })).toBe(151)
  })

  test.each([
    ['three times what others took', { periodSeconds: 1 }, 60_000, 180],
    [
      '45 s and a probe at least, for one that gives up at once',
      { periodSeconds: 1, failureThreshold: 1 },
      1_000,
      50,
    ],
    ['the same for a probe of another period', { periodSeconds: 10 }, 1_000, 59],
    ['what the initial delay announces', { initialDelaySeconds: 30, periodSeconds: 1 }, 1_000, 34 + 2 + 3],
  ])('is, where earlier starts are known, %s', (_what, readinessProbe, usualMs, expected) => {
    expect(grace({ readinessProbe }, { usualMs })).toBe(expected)
  })

  test('is as long as others took where the answer is final, and came twice', () => {
    const settings = { readinessProbe: { periodSeconds: 2 } }
    expect(grace(settings, { ...refused, usualMs: 3_000 })).toBe(3)
    expect(grace(settings, { ...refused, usualMs: 200 })).toBe(1.5)
    expect(grace(settings, { ...refused, usualMs: 3_000, times: 1 })).toBe(51)
    // A readiness that comes and goes: what was ready once will be ready again.
    expect(grace(settings, { ...refused, usualMs: 3_000, wasReady: true })).toBe(51)
    const failed = { answer: 'HTTP probe failed with statuscode: 500', times: 2 }
    expect(grace(settings, { ...failed, usualMs: 4_000 })).toBe(6)
    const busy = { answer: 'HTTP probe failed with statuscode: 503', times: 9 }
    expect(grace(settings, { ...busy, usualMs: 4_000 })).toBe(51)
  })

  test('is never cut short while a startupProbe runs; what it has let pass is held to its answer', () => {
    const settings = {
      startupProbe: { periodSeconds: 1, failureThreshold: 60 },
      readinessProbe: { periodSeconds: 1 },
    }
    expect(grace(settings, { ...refused, usualMs: 1_000 })).toBe(61 + 4 + 3)
    expect(grace(settings, { ...refused, started: true })).toBe(1.5)
    expect(grace(settings, { started: true })).toBe(4 + 3)
  })
})

describe('a start that others made quickly', () => {
  const running = container({ started: true, state: { running: {} } })
  const twice = { count: 2 }
  const refused = event(
    'Unhealthy',
    'Readiness probe failed: HTTP probe failed with statuscode: 404',
    'api-0',
    twice,
  )
  const before = pod(ready(1), { name: 'old', revision: 'old' })
  const probe: Probe = { periodSeconds: 1 }
  const scene = { container: { readinessProbe: probe }, pods: [pod(running), before] }

  test('is given up soon when the server is up and does not know the question', () => {
    expect(classOf(after(1, { ...scene, events: [refused] }))).toBe('progressing')
    expect(classOf(after(2, { ...scene, events: [refused] }))).toBe('not-ready')
    const once = event('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404')
    expect(classOf(after(49, { ...scene, events: [once] }))).toBe('progressing')
  })

  test('is given up a little later when the server itself fails', () => {
    const failed = event(
      'Unhealthy',
      'Readiness probe failed: HTTP probe failed with statuscode: 500',
      'api-0',
      twice,
    )
    expect(classOf(after(2, { ...scene, events: [failed] }))).toBe('progressing')
    expect(classOf(after(3, { ...scene, events: [failed] }))).toBe('not-ready')
  })

  test.each([
    'Readiness probe failed: HTTP probe failed with statuscode: 503',
    'Readiness probe failed: HTTP probe failed with statuscode: 429',
    'Readiness probe failed: Get "http://10.0.0.1:3000/": dial tcp: connect: connection refused',
    'Readiness probe failed: cat: /tmp/ready: No such file or directory',
  ])('has the time of a first start while it only says that it is not ready yet: %s', said => {
    const events = [event('Unhealthy', said, 'api-0', { count: 15 })]
    expect(classOf(after(49, { ...scene, events }))).toBe('progressing')
    expect(classOf(after(50, { ...scene, events }))).toBe('not-ready')
  })

  test('is measured by what was recorded, where an older pod lost its readiness and found it again', () => {
    const flapped = pod(ready(3_600), { name: 'old', revision: 'old' })
    const scenery = { ...scene, pods: [pod(running), flapped], events: [refused] }
    expect(classOf(after(30, scenery))).toBe('progressing')
    const recorded = judge(viewOf(scenery), { ...blank, recordedMs: 1_000 }, 0)
    expect(classOf(judge(viewOf(scenery), recorded.memory, 2_000).verdict)).toBe('not-ready')
  })

  test('is measured, for the next release, from the first sight of a pod until it is ready', () => {
    const begun = judge(viewOf({ ...scene, pods: [pod(running)] }), blank, 1_000)
    const done = judge(viewOf({ ...scene, pods: [pod(ready(0))] }), begun.memory, 2_700)
    expect(done.memory.startMs).toBe(1_700)
    // What becomes of its readiness later is no start.
    const lost = judge(viewOf({ ...scene, pods: [pod(running)] }), done.memory, 9_000)
    const found = judge(viewOf({ ...scene, pods: [pod(ready(9))] }), lost.memory, 20_000)
    expect(found.memory.startMs).toBe(1_700)
  })

  test('has its whole time when nothing is known of others', () => {
    const alone = { ...scene, pods: [pod(running)], events: [refused] }
    expect(classOf(after(44, alone))).toBe('progressing')
  })
})
