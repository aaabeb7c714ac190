import { describe, expect, test } from '@jest/globals'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { ApiError, refusal } from '../../../shared/targets/kubernetes/api/api-error.ts'
import { planApply } from '../../../shared/targets/kubernetes/apply/apply.ts'
import type { Client } from '../../../shared/targets/kubernetes/api/client.ts'
import { explain, together } from '../../../shared/targets/kubernetes/rollout/explain.ts'
import { changeFenced } from '../../../shared/targets/kubernetes/apply/change-fenced.ts'
import type { Fence } from '../../../shared/targets/kubernetes/apply/fence.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'
import { inOrder } from '../../../shared/targets/kubernetes/manifests/order.ts'
import { isOwn, leftOut, madeOf, pruned } from '../../../shared/targets/kubernetes/apply/prune.ts'
import { createPaths } from '../../../shared/targets/kubernetes/api/resources.ts'
import { placeInScope } from '../../../shared/targets/kubernetes/api/scope.ts'

const object = (kind: string, name = 'x', apiVersion = 'v1'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'production' },
})
const place = { service: 'api', namespace: 'production' }

describe('the order of an apply', () => {
  test('is what others need, then workloads, then what leads the API server to them', () => {
    const written = [
      object('ValidatingWebhookConfiguration', 'w', 'admissionregistration.k8s.io/v1'),
      object('Deployment', 'd', 'apps/v1'),
      object('RoleBinding', 'b', 'rbac.authorization.k8s.io/v1'),
      object('Service', 'of-knative', 'serving.knative.dev/v1'),
      object('Role', 'r', 'rbac.authorization.k8s.io/v1'),
      object('Service'),
      object('CustomResourceDefinition', 'c', 'apiextensions.k8s.io/v1'),
      object('ConfigMap'),
    ]
    expect(inOrder(written).map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'CustomResourceDefinition/c',
      'Role/r',
      'Service/x',
      'ConfigMap/x',
      'RoleBinding/b',
      'Deployment/d',
      'Service/of-knative',
      'ValidatingWebhookConfiguration/w',
    ])
  })
})

describe('a refusal', () => {
  const said = (status: number, message: string) =>
    explain(refusal('PATCH x', status, JSON.stringify({ message })), object('Deployment', 'api', 'apps/v1'))

  // The texts are the API server's of Kubernetes 1.35.
  test.each<[string, number, string, string, RegExp]>([
    [
      'a policy',
      422,
      `deployments.apps "api" is forbidden: ValidatingAdmissionPolicy 'two-pods' with binding 'b' denied request: too few`,
      'admission-refused',
      /policy two-pods/,
    ],
    [
      'a webhook',
      403,
      'admission webhook "guard.example.com" denied the request: no',
      'admission-refused',
      /guard/,
    ],
    [
      'Pod Security',
      403,
      'pods "api-trial" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
      'admission-refused',
      /Pod Security restricted:latest/,
    ],
    [
      'a quota',
      403,
      'configmaps "x" is forbidden: exceeded quota: few, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2',
      'quota-exceeded',
      /ResourceQuota few/,
    ],
    [
      'a quota that counts what is not said',
      403,
      'pods "x" is forbidden: failed quota: cpu: must specify limits.cpu for: app',
      'quota-exceeded',
      /^Set limits\.cpu on every container/,
    ],
    [
      'a LimitRange',
      403,
      'pods "x" is forbidden: maximum memory usage per Container is 64Mi, but limit is 1Gi',
      'quota-exceeded',
      /LimitRange/,
    ],
    [
      'an immutable field',
      422,
      'Deployment.apps "api" is invalid: spec.selector: Invalid value: {}: field is immutable',
      'immutable-field',
      /give the Deployment a new name/,
    ],
    [
      'an unknown field',
      400,
      'strict decoding error: unknown field "spec.x"',
      'manifest-invalid',
      /Fix the manifest/,
    ],
    [
      'missing rights',
      403,
      'deployments.apps "api" is forbidden: User "u" cannot patch resource "deployments" in API group "apps" in the namespace "n"',
      'access-denied',
      /verb patch on deployments \(apps\)/,
    ],
    [
      'a webhook that is down',
      500,
      'Internal error occurred: failed calling webhook "guard.example.com": connection refused',
      'apply-refused',
      /guard\.example\.com does not answer/,
    ],
  ])('by %s has its reason and remedy', (_what, status, message, reason, hint) => {
    expect(said(status, message)).toMatchObject({
      reason,
      hint: expect.stringMatching(hint),
      message: expect.stringContaining('Deployment production/api: '),
    })
  })

  test('that is none is left as it is', () => {
    const busy = refusal('PATCH x', 503, '{"message":"etcd is down"}')
    expect(explain(busy, object('ConfigMap'))).toBe(busy)
  })

  test('of many objects is told with all of them, a few in its one line', () => {
    const many = Array.from({ length: 5 }, (_, index) =>
      explain(refusal('x', 400, '{"message":"unknown field"}'), object('ConfigMap', `c${index}`)),
    )
    const all = together(many) as ToolError
    expect(all.message).toMatch(/^5 objects are refused: .*c0.*c1.*c2.* and 2 more$/)
    expect(all.stderr).toContain('c4')
    expect(all.reason).toBe('manifest-invalid')
  })
})

describe('what this suite made', () => {
  const made = (
    release = 'r1',
    labels: Record<string, string> = { 'runbook/service': 'api' },
  ): KubeObject => ({
    ...object('ConfigMap'),
    metadata: {
      name: 'x',
      namespace: 'production',
      uid: 'u',
      labels,
      annotations: { 'runbook/made': release },
    },
  })

  test('bears the mark of the release that made it, for as long as it lives', () => {
    const manifest = {
      ...object('ConfigMap'),
      metadata: { ...object('ConfigMap').metadata, labels: { 'runbook/release': 'r7' } },
    }
    const applying = { scaled: new Set<string>(), conflicts: 'stop' as const }
    const marks = (live: KubeObject | undefined) =>
      planApply(manifest, live, applying).map(write =>
        write.type === 'apply' ? write.object.metadata.annotations?.['runbook/made'] : '',
      )
    expect(marks(undefined)).toEqual(['r7'])
    expect(marks(made('r2'))).toEqual(['r2'])
    expect(marks(object('ConfigMap'))).toEqual([undefined])
  })

  test('is known by mark, service and, for the cluster’s own objects, environment', () => {
    expect(isOwn(made(), place)).toBe(true)
    expect(isOwn(made('r1', { 'runbook/service': 'billing' }), place)).toBe(false)
    expect(isOwn(object('ConfigMap'), place)).toBe(false)
    const { namespace: _none, ...ofCluster } = made().metadata
    const role = (namespace: string): KubeObject => ({
      ...made(),
      kind: 'ClusterRole',
      metadata: { ...ofCluster, labels: { ...ofCluster.labels, 'runbook/namespace': namespace } },
    })
    expect(isOwn(role('production'), place)).toBe(true)
    expect(isOwn(role('staging'), place)).toBe(false)
  })

  test('is pruned when it leaves the manifests, never with data', () => {
    const claim = { ...made(), kind: 'PersistentVolumeClaim' }
    const noted = madeOf([made(), claim, undefined, object('Secret')])
    expect(noted).toEqual([
      { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'production', name: 'x', uid: 'u' },
    ])
    expect(pruned(noted, [object('ConfigMap')])).toEqual([])
    expect(pruned(noted, [object('ConfigMap', 'other')])).toEqual(noted)
    expect(leftOut([claim, object('Namespace'), object('Secret')], []).map(({ kind }) => kind)).toEqual([
      'Secret',
    ])
  })
})

test('objects of the cluster lose their namespace, by definition or discovery', async () => {
  const group = 'example.com'
  const definition: KubeObject = {
    ...object('CustomResourceDefinition', `realms.${group}`, 'apiextensions.k8s.io/v1'),
    spec: { group, scope: 'Cluster', names: { kind: 'Realm' } },
  }
  const objects = [
    definition,
    object('Realm', 'a', `${group}/v1`),
    object('Issuer', 'b', 'cert.example.org/v1'),
    object('Unknown', 'c', 'unknown.example.org/v1'),
    object('ConfigMap'),
  ]
  const paths = createPaths('production', path =>
    Promise.resolve(
      path === '/apis/cert.example.org/v1'
        ? { resources: [{ name: 'issuers', kind: 'Issuer', namespaced: false }] }
        : undefined,
    ),
  )
  await placeInScope(objects, paths, 'production')
  expect(objects.map(({ metadata }) => metadata.namespace)).toEqual([
    undefined,
    undefined,
    undefined,
    'production',
    'production',
  ])
  expect(objects[1]?.metadata.labels).toEqual({ 'runbook/namespace': 'production' })
})

describe('a write of which it is not known whether it was carried out', () => {
  /** A store of one object whose writes fail in the ways that are given, each carried out or not. */
  function stage(faults: { status: number; done: boolean }[]) {
    let live: KubeObject | undefined
    const said: string[] = []
    const client = {
      get: () => Promise.resolve(live),
      patch(_path: string, _type: string, sent: KubeObject) {
        said.push('write')
        const fault = faults.shift()
        if (!fault || fault.done)
          live = { ...sent, metadata: { ...sent.metadata, uid: 'u', resourceVersion: String(said.length) } }
        if (fault) return Promise.reject(new ApiError('PATCH x: trouble', fault.status, {}, 'Look.'))
        return Promise.resolve(live)
      },
    } as unknown as Client
    const pauses: number[] = []
    const told: string[] = []
    const fence: Fence = {
      client,
      paths: createPaths('production', () => Promise.resolve(undefined)),
      clock: {
        now: () => 0,
        elapsed: () => 0,
        sleep: ms => Promise.resolve(void pauses.push(ms)),
      },
      signal: new AbortController().signal,
      tell: line => void told.push(line),
      check: () => Promise.resolve(void said.push('lease')),
    }
    const work = {
      object: object('ConfigMap'),
      plan: () => [{ type: 'apply' as const, object: object('ConfigMap'), force: false }],
    }
    return { fence, work, said, pauses }
  }

  test('is made again after a look at the object and the lease', async () => {
    const { fence, work, said, pauses } = stage([
      { status: 503, done: false },
      { status: 0, done: true },
    ])
    const [done] = await changeFenced(fence, [work])
    expect(done?.after?.metadata.uid).toBe('u')
    expect(said).toEqual(['lease', 'write', 'lease', 'write', 'lease', 'write'])
    expect(pauses).toEqual([200, 400])
  })

  test('is given up in the end, with what the server said', async () => {
    const { fence, work, pauses } = stage(Array.from({ length: 50 }, () => ({ status: 500, done: false })))
    await expect(changeFenced(fence, [work])).rejects.toThrow('PATCH x: trouble')
    expect(pauses.reduce((a, b) => a + b, 0)).toBe(21_000)
  })
})
