import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Cause } from '../../../shared/targets/target.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig, type Variation } from './manifests.ts'
import { run, takeFree, follow } from '../environment-lock.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('doomed')
})
afterAll(() => room.leave())

async function causeOf(variation: Variation, more: Record<string, string> = {}): Promise<Cause> {
  const { target, secrets } = await room.open({ 'app.yaml': deployment(variation), ...more })
  secrets.add('hunter22')
  const lock = await takeFree(target, run('1'))
  try {
    const payload = await target.render({ version: 'v1.0.0', image: room.image, config: {} })
    await lock.apply('r1', payload)
    const { rollout } = await follow(lock, 'r1', payload, 40_000)
    if (rollout.kind === 'ready') throw new Error('it became ready')
    expect(rollout.kind).toBe('doomed')
    return rollout.cause
  } finally {
    await lock.end()
    room.kubectl('delete', 'deployment', 'probe', '--wait=true')
  }
}

const missing = { container: '        - name: side\n          image: localhost:5000/no-such-image:1\n' }

describe('a rollout that cannot succeed is doomed with its cause', () => {
  test('crash loop: exit code and the log of the run before, secrets left out', async () => {
    const cause = await causeOf({ script: 'echo password is hunter22; echo cannot find my hat; exit 3' })
    expect(cause.class).toBe('crash-loop')
    expect(cause.message).toContain('exit code 3')
    const text = JSON.stringify(cause.evidence)
    expect(text).toContain('cannot find my hat')
    expect(text).not.toContain('hunter22')
  })

  test('an image that its registry does not have', async () => {
    const cause = await causeOf(missing)
    expect(cause.class).toBe('image-missing')
    expect(cause.message).toContain('side')
  })

  test('an image name that cannot be', async () => {
    const cause = await causeOf({ container: '        - name: side\n          image: "UPPER//case"\n' })
    expect(cause.class).toBe('invalid-image-name')
  })

  test('a key that its ConfigMap does not have', async () => {
    const container =
      '          env: [{ name: A, valueFrom: { configMapKeyRef: { name: probe-config, key: nope } } }]\n'
    const cause = await causeOf({ container }, { 'config.yaml': configMap({ here: 'x' }) })
    expect(cause.class).toBe('config-missing')
    expect(cause.message).toContain('nope')
  })

  test('a ConfigMap that is not there, for variables and for a volume', async () => {
    expect((await causeOf({ container: readsConfig.replace('probe-config', 'gone') })).class).toBe(
      'config-missing',
    )
    const volume =
      '          volumeMounts: [{ name: v, mountPath: /v }]\n      volumes: [{ name: v, configMap: { name: gone } }]\n'
    expect((await causeOf({ container: volume })).class).toBe('config-missing')
  })

  test('a command that does not exist', async () => {
    const cause = await causeOf({ container: '          command: [/bin/no-such-program]\n' })
    expect(cause.class).toBe('cannot-run')
  })

  test('readiness that never comes, within the patience of the probes', async () => {
    const probes = `          startupProbe: { httpGet: { path: /, port: 3000 }, periodSeconds: 1, failureThreshold: 5 }
          readinessProbe: { httpGet: { path: /nothing, port: 3000 }, periodSeconds: 1, failureThreshold: 2 }
`
    const cause = await causeOf({ readiness: probes })
    expect(cause.class).toBe('not-ready')
    expect(cause.message).toContain('404')
  })

  test('no node has room', async () => {
    const cause = await causeOf({ container: '          resources: { requests: { memory: 900Gi } }\n' })
    expect(cause.class).toBe('unschedulable')
    expect(cause.message).toContain('memory')
  })

  test('more memory than the limit', async () => {
    const cause = await causeOf({
      script: 'x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done',
      container: '          resources: { limits: { memory: 16Mi } }\n',
    })
    expect(cause.class).toBe('oom-killed')
  })

  test('a quota that is used up', async () => {
    room.kubectl('create', 'quota', 'small', '--hard=requests.memory=1Mi')
    try {
      const cause = await causeOf({ container: '          resources: { requests: { memory: 2Mi } }\n' })
      expect(cause.class).toBe('quota')
      expect(cause.message).toContain('exceeded quota')
    } finally {
      room.kubectl('delete', 'quota', 'small')
    }
  })

  test('pods that the namespace does not admit', async () => {
    room.kubectl('label', 'namespace', room.namespace, 'pod-security.kubernetes.io/enforce=restricted')
    try {
      const cause = await causeOf({})
      expect(cause.class).toBe('admission')
      expect(cause.message).toContain('PodSecurity')
    } finally {
      room.kubectl('label', 'namespace', room.namespace, 'pod-security.kubernetes.io/enforce-')
    }
  })
})

describe('what is slow, or stumbles once, is not doomed', () => {
  const starts = async (variation: Variation): Promise<void> => {
    const { target } = await room.open({ 'app.yaml': deployment(variation) })
    const lock = await takeFree(target, run('1'))
    try {
      const payload = await target.render({ version: 'v1.0.0', image: room.image, config: {} })
      await lock.apply('r1', payload)
      expect((await follow(lock, 'r1', payload, 60_000)).rollout).toMatchObject({ kind: 'ready' })
    } finally {
      await lock.end()
      room.kubectl('delete', 'deployment', 'probe', '--wait=true')
    }
  }

  test('one restart', async () => {
    const volume =
      '          volumeMounts: [{ name: v, mountPath: /v }]\n      volumes: [{ name: v, emptyDir: {} }]\n'
    await starts({
      script: 'if [ -e /v/seen ]; then exec httpd -f -p 3000 -h /www; else touch /v/seen; exit 1; fi',
      container: volume,
    })
  })

  test('a start that nothing announces and that takes its time', async () => {
    await starts({ script: 'sleep 12; exec httpd -f -p 3000 -h /www' })
  })
})
