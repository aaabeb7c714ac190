import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment, readsConfig } from './manifests.ts'
import { app, readObject, thereAndBack } from './there-and-back.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('one-way')
})
afterAll(() => room.leave())

const jsonOf = (...args: string[]) => readObject(room, ...args)

const set = (more: string, kind = 'StatefulSet') => `apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${kind.toLowerCase()} }
spec:
${more}  selector: { matchLabels: { app: ${kind.toLowerCase()} } }
  template:
    metadata: { labels: { app: ${kind.toLowerCase()} } }
    spec:
      nodeSelector: { no-node-has: this }
      containers: [{ name: app, image: e2e-probe }]
`

describe('a rollback', () => {
  test('takes away what the API server once filled in and the recorded strategies and volumes exclude', async () => {
    const recreate = (source: string) =>
      app({ pod: `      volumes: [{ name: v${source} }]\n` }).replace(
        '{ rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }',
        '{ type: Recreate }',
      )
    const onDelete = '  updateStrategy: { type: OnDelete }\n'
    const replicas = '  serviceName: none\n  replicas: 0\n'
    const { drift } = await thereAndBack(
      room,
      {
        'app.yaml': recreate(', configMap: { name: c, optional: true }'),
        'set.yaml': set(replicas + onDelete),
        'daemon.yaml': set(onDelete, 'DaemonSet'),
      },
      {
        'app.yaml': recreate('').replace('  strategy: { type: Recreate }\n', ''),
        'set.yaml': set(replicas),
        'daemon.yaml': set('', 'DaemonSet'),
      },
    )
    const { strategy, template } = jsonOf('deployment', 'probe').spec
    expect(strategy).toEqual({ type: 'Recreate' })
    expect(template).toMatchObject({ spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] } })
    for (const kind of ['statefulset', 'daemonset'])
      expect(jsonOf(kind, kind).spec['updateStrategy']).toEqual({ type: 'OnDelete' })
    expect(drift).toEqual([])
  })

  test('creates an immutable ConfigMap and Secret again, and its pods read the recorded content', async () => {
    const manifests = (greeting: string, more: string) => ({
      'app.yaml': deployment({
        script: 'echo "greeting: $GREETING"; exec httpd -f -p 3000 -h /www',
        container: readsConfig,
      }),
      'config.yaml': `${configMap({ GREETING: greeting })}${more}`,
      'secret.yaml': `apiVersion: v1\nkind: Secret\nmetadata: { name: key }\nstringData: { KEY: ${greeting} }\n${more}`,
    })
    const { plan, drift, notes } = await thereAndBack(
      room,
      manifests('one', ''),
      manifests('two', 'immutable: true\n'),
    )
    expect(plan.lacked).toEqual([])
    expect(plan.notes.join('\n')).toMatch(
      /ConfigMap .*probe-config would be deleted and created again[^]*Secret .*key would be/,
    )
    expect(notes.join('\n')).toMatch(/ConfigMap .*deleted and created again/)
    const { data, immutable } = jsonOf('configmap', 'probe-config')
    expect([data, immutable]).toEqual([{ GREETING: 'one' }, undefined])
    expect(Buffer.from(jsonOf('secret', 'key').data?.['KEY'] ?? '', 'base64').toString()).toBe('one')
    expect(room.kubectl('logs', 'deployment/probe')).toContain('greeting: one')
    expect(drift).toEqual([])
  })

  test('leaves a claim as large as it is, says so once, and then sees no drift', async () => {
    const name = `grows-${room.namespace}`
    room.kubectlApply(`apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: ${name} }
provisioner: kubernetes.io/no-provisioner
allowVolumeExpansion: true
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: ${name} }
spec:
  storageClassName: ${name}
  capacity: { storage: 1Mi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: { path: /tmp/${name}, type: DirectoryOrCreate }
`)
    const claim = (size: string) => `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data }
spec: { storageClassName: ${name}, accessModes: [ReadWriteOnce], resources: { requests: { storage: ${size} } } }
`
    try {
      const { plan, drift, notes } = await thereAndBack(
        room,
        { 'app.yaml': app(), 'claim.yaml': claim('1Mi') },
        { 'app.yaml': app({ spec: '  minReadySeconds: 1\n' }), 'claim.yaml': claim('2Mi') },
        {
          between: () => {
            room.kubectl('wait', '--for=jsonpath={.status.phase}=Bound', 'pvc/data', '--timeout=30s')
          },
        },
      )
      expect(plan.notes).toEqual([expect.stringMatching(/would stay as it is then: .*grow to 2Mi/)])
      expect(notes).toEqual([expect.stringContaining('stays at 2Mi instead of 1Mi: a claim cannot shrink')])
      expect(jsonOf('pvc', 'data').spec).toMatchObject({ resources: { requests: { storage: '2Mi' } } })
      expect(jsonOf('deployment', 'probe').spec['minReadySeconds']).toBeUndefined()
      expect(drift).toEqual([])
      const next = await room.open({ 'app.yaml': app(), 'claim.yaml': claim('1Mi') })
      const payload = await next.target.render({ version: 'v2.0.0', image: room.image, config: {} })
      expect(JSON.stringify(await next.target.rehearse(payload))).toContain('stays at 2Mi instead of 1Mi')
    } finally {
      room.kubectl('delete', 'pv,storageclass', name, '--wait=false')
    }
  })

  test('leaves a version in which objects are stored, and sets object and workload back', async () => {
    const group = `${room.namespace}.example.com`
    const versionOf = (name: string, storage: boolean) =>
      `  - { name: ${name}, served: true, storage: ${storage}, schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, x-kubernetes-preserve-unknown-fields: true } } } } }\n`
    const definition = (versions: string) => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.${group} }
spec:
  group: ${group}
  scope: Namespaced
  names: { kind: Widget, plural: widgets, singular: widget }
  versions:
${versions}`
    const widget = (served: string, colour: string) =>
      `apiVersion: ${group}/${served}\nkind: Widget\nmetadata: { name: blue }\nspec: { colour: ${colour} }\n`
    try {
      const { plan, drift, notes, refused } = await thereAndBack(
        room,
        {
          'app.yaml': app(),
          'crd.yaml': definition(versionOf('v1alpha1', true)),
          'widget.yaml': widget('v1alpha1', 'navy'),
        },
        {
          'app.yaml': app({ spec: '  minReadySeconds: 1\n' }),
          'crd.yaml': definition(versionOf('v1alpha1', false) + versionOf('v1', true)),
          'widget.yaml': widget('v1', 'sky'),
        },
      )
      expect(plan.notes).toEqual([expect.stringContaining('would stay as it is then')])
      expect([refused, drift]).toEqual([[], []])
      expect(notes).toEqual([expect.stringContaining('keeps the version v1: objects are stored in it')])
      expect(jsonOf(`widgets.${group}`, 'blue').spec['colour']).toBe('navy')
      expect(jsonOf('crd', `widgets.${group}`).spec.versions?.map(({ name }) => name)).toEqual([
        'v1alpha1',
        'v1',
      ])
      expect(jsonOf('deployment', 'probe').spec['minReadySeconds']).toBeUndefined()
    } finally {
      room.kubectl('delete', 'crd', `widgets.${group}`, '--wait=false')
    }
  })

  test('creates again what has an immutable field that an operator made anew', async () => {
    const rest = (
      role: string,
      selector: string,
      size: string,
      headless: string,
    ) => `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: ${role} }
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: binding }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${role} }
subjects: []
---
apiVersion: v1
kind: Service
metadata: { name: inner }
spec: { selector: { app: probe }, ports: [{ port: 80 }]${headless} }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: claims }
spec:
  replicas: 0
  serviceName: none
  selector: { matchLabels: { app: claims } }
  template: { metadata: { labels: { app: claims } }, spec: { containers: [{ name: app, image: e2e-probe }] } }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: ${size} } } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: other }
spec:
  replicas: 0
  selector: { matchLabels: { app: ${selector} } }
  template: { metadata: { labels: { app: ${selector} } }, spec: { containers: [{ name: app, image: e2e-probe }] } }
`
    const { drift, notes } = await thereAndBack(
      room,
      { 'app.yaml': app(), 'rest.yaml': rest('reader', 'other', '1Mi', ', clusterIP: None') },
      { 'app.yaml': app(), 'rest.yaml': rest('writer', 'another', '2Mi', '') },
      {
        between: () => {
          room.kubectl('delete', 'rolebinding/binding', 'service/inner', 'deployment/other')
          room.kubectl('delete', 'statefulset/claims', '--cascade=orphan')
        },
      },
    )
    expect(notes.map(note => /^\w+/.exec(note)?.[0]).toSorted()).toEqual([
      'Deployment',
      'RoleBinding',
      'Service',
      'StatefulSet',
    ])
    expect(jsonOf('rolebinding', 'binding').roleRef?.name).toBe('reader')
    expect(jsonOf('service', 'inner').spec['clusterIP']).toBe('None')
    expect(JSON.stringify(jsonOf('statefulset', 'claims').spec['volumeClaimTemplates'])).toContain('1Mi')
    expect(jsonOf('deployment', 'other').spec['selector']).toEqual({ matchLabels: { app: 'other' } })
    expect(drift).toEqual([])
  })
})
