import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { readDocuments } from '../../../shared/targets/kubernetes/manifests/documents.ts'
import { listLikeKinds } from '../../../shared/targets/kubernetes/manifests/lists.ts'
import { objectsIn, readFolder } from '../../../shared/targets/kubernetes/manifests/manifests.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'manifests-'))
  mkdirSync(join(root, 'k8s'))
})
afterEach(() => rmSync(root, { recursive: true }))

const write = (file: string, text: string) => writeFileSync(join(root, 'k8s', file), text)
const readFrom = (path: string) => objectsIn(path, readFolder(root, path), 'production').objects
const read = () => readFrom('k8s')
const configMap = (name: string, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`

describe('manifests of a folder', () => {
  test('are read from YAML and JSON, several documents and Lists, what others need first', () => {
    write(
      'a.yaml',
      `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\n---\n# nothing\n---\n${configMap('one')}`,
    )
    write('b.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'api' } }))
    write(
      'c.yml',
      `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}\n`,
    )
    write('d.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: production}\n')
    write('README.md', 'not a manifest')
    const found = read().map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`)
    expect(found).toEqual([
      'Namespace -/production',
      'ConfigMap production/one',
      'Service production/api',
      'ConfigMap production/two',
      'Deployment production/api',
    ])
  })

  test('may be one file', () => {
    write('a.yaml', configMap('one'))
    expect(readFrom('k8s/a.yaml')).toHaveLength(1)
  })

  test.each<[string, string, string]>([
    ['no YAML', 'a: [1,\nb: 2', 'k8s/a.yaml:2 is not YAML'],
    ['a chart', 'kind: X\nmetadata:\n  name: {{ .Release.Name }}\n', 'k8s/a.yaml:3 is a template'],
    ['no kind', 'apiVersion: v1\nmetadata: {name: x}\n', 'k8s/a.yaml:1 kind is missing'],
    ['no version', `${configMap('a')}---\nkind: ConfigMap\n`, 'k8s/a.yaml:6 apiVersion is missing'],
    ['no object', '- 1\n- 2\n', 'k8s/a.yaml:1 is not a Kubernetes object'],
    ['a bad name', configMap('Über'), 'k8s/a.yaml:4 metadata.name of ConfigMap is "Über"'],
    ['no name', 'apiVersion: v1\nkind: ConfigMap\n', 'metadata.name of ConfigMap is missing'],
    [
      'a namespace of others',
      configMap('a', '  namespace: staging\n'),
      'k8s/a.yaml:5 metadata.namespace of ConfigMap a is "staging"; accepted: production',
    ],
    [
      'an object said twice',
      `${configMap('a')}---\n${configMap('a')}`,
      'k8s/a.yaml:6 ConfigMap a is in k8s/a.yaml:1 already',
    ],
    [
      'a kustomization',
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n',
      'is a kustomization among manifests',
    ],
    ['nothing', '# later\n', 'k8s has no objects'],
  ])('with %s are refused with file and line', (_what, text, message) => {
    write('a.yaml', text)
    expect(read).toThrow(message)
    expect(read).toThrow(expect.objectContaining({ name: 'InputError' }))
  })

  test('that are not there are refused', () => {
    expect(() => readFrom('k8s/none')).toThrow(/manifests: k8s\/none cannot be read/)
  })
})

const parse = (text: string, listLike?: { apiVersion: string; kind: string }[]) =>
  objectsIn('k8s', readDocuments('a.yaml', text), 'x', listLike)

test('values are those that kubectl reads', () => {
  const text =
    'mode: 0644\nmodern: 0o644\nhex: 0x1F\non-line: on\ndate: 2026-01-01\nports: 3001:30\ncpu: 200m\nnone: ~\n'
  expect(parse(`${configMap('a')}${text}`).objects[0]).toMatchObject({
    mode: 0o644,
    modern: 0o644,
    hex: 31,
    'on-line': true,
    date: '2026-01-01',
    ports: '3001:30',
    cpu: '200m',
    none: null,
  })
})

describe('what YAML can say and the API would be sent otherwise', () => {
  test('integers of 64 bits stay exact', () => {
    const [object] = parse(`${configMap('a')}limit: 9223372036854775807\nlow: -9007199254740993\n`).objects
    expect(object).toMatchObject({ limit: 9_223_372_036_854_775_807n, low: -9_007_199_254_740_993n })
  })

  test.each<[string, string, RegExp]>([
    [
      'an integer of more bits',
      'limit: 9223372036854775808\n',
      /^a\.yaml:5 limit is 9223372036854775808, an/,
    ],
    [
      'a key that is a truth value',
      'data:\n  on: x\n',
      /^a\.yaml:6 the key on would become true; accepted: text/,
    ],
    ['a key that is octal', 'data:\n  0644: x\n', /^a\.yaml:6 the key 0644 would become 420/],
    ['a key twice', 'data:\n  a: x\n  a: y\n', /^a\.yaml:7 is not YAML: Map keys must be unique/],
  ])('%s is refused', (_what, text, message) => {
    expect(() => parse(`${configMap('a')}${text}`)).toThrow(message)
  })

  test('a mark of the byte order is no part of the first key', () => {
    write('a.yaml', `\uFEFF${configMap('a')}`)
    expect(read()).toHaveLength(1)
  })

  test.each<[string, Buffer, RegExp]>([
    ['UTF-16', Buffer.from(`\uFEFF${configMap('a')}`, 'utf16le'), /k8s\/a\.yaml .*UTF-16/],
    [
      'Latin-1',
      Buffer.from(`${configMap('a')}data:\n  name: Müller\n`, 'latin1'),
      /k8s\/a\.yaml.*\b6\b.*UTF-8/,
    ],
  ])('%s is refused', (_what, bytes, message) => {
    writeFileSync(join(root, 'k8s', 'a.yaml'), bytes)
    expect(read).toThrow(message)
  })
})

describe('lists', () => {
  const list = (kind: string, items: string, more = '') =>
    `apiVersion: v1\nkind: ${kind}\n${more}items:${items}\n`
  const item = (name: string) => `\n  - metadata: { name: ${name} }\n    data: { A: '1' }`

  test.each(['ConfigMapList', 'List'])('%s is unfolded, with the line of each item', kind => {
    const items =
      kind === 'List'
        ? item('one').replace('metadata', 'apiVersion: v1\n    kind: ConfigMap\n    metadata')
        : item('one')
    expect(parse(list(kind, items)).objects).toMatchObject([
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'x' } },
    ])
    expect(() => parse(list(kind, items.replace('one', 'ONE')))).toThrow(
      /^a\.yaml:\d metadata\.name of ConfigMap is "ONE"/,
    )
  })

  test('that bear a name, or are empty, are lists all the same', () => {
    const named = list('ConfigMapList', item('one'), 'metadata: { name: dashboards }\n')
    expect(parse(named).objects.map(({ metadata }) => metadata.name)).toEqual(['one'])
    for (const empty of [' null', ' []', ''])
      expect(parse(`${list('List', empty)}---\n${configMap('a')}`).objects).toHaveLength(1)
  })

  const access = `apiVersion: example.com/v1\nkind: AccessControlList\nmetadata: { name: staff }\nitems: [{ user: ada }]\n`
  test('are no objects of a kind that the cluster has, or the manifests define', () => {
    const kind = { apiVersion: 'example.com/v1', kind: 'AccessControlList' }
    expect(listLikeKinds(readDocuments('a.yaml', `${access}---\n${list('List', ' []')}`))).toEqual([kind])
    expect(parse(access, [kind]).objects).toMatchObject([{ kind: 'AccessControlList' }])
    const definition =
      'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: a.example.com }\nspec: { group: example.com, names: { kind: AccessControlList } }\n'
    expect(parse(`${definition}---\n${access}`).objects).toHaveLength(2)
    expect(() => parse(access)).toThrow(/^a\.yaml:4 metadata\.name of AccessControl is missing/)
  })

  test('have nothing beside their items: what has is an object', () => {
    const [object] = parse(access.replace('items', 'spec: {}\nitems')).objects
    expect(object).toMatchObject({ kind: 'AccessControlList', metadata: { name: 'staff' } })
  })
})

describe('an exported manifest', () => {
  const exported = `apiVersion: v1
kind: Service
metadata:
  annotations: { kubectl.kubernetes.io/last-applied-configuration: '{}', note: mine, runbook/made: r2 }
  creationTimestamp: '2026-01-01T00:00:00Z'
  labels: { app: web, runbook/release: r2 }
  managedFields: [{ manager: kubectl }]
  name: web
  ownerReferences: [{ apiVersion: v1, kind: App, name: web, uid: 1-2 }]
  resourceVersion: '7'
  uid: 3-4
spec:
  clusterIP: 10.0.0.1
  clusterIPs: [10.0.0.1]
  ports: [{ port: 80 }]
status: { loadBalancer: { ingress: [{ ip: 192.0.2.1 }] } }
`
  test('is applied without what the cluster writes itself, which is said with its line', () => {
    const { objects, notices } = parse(exported)
    expect(objects).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'x', annotations: { note: 'mine' }, labels: { app: 'web' } },
        spec: { ports: [{ port: 80 }] },
      },
    ])
    expect(notices).toEqual([
      expect.stringMatching(
        /^a\.yaml:11 Service web: what the cluster writes itself is left out: metadata\.uid, /,
      ),
    ])
    for (const part of [
      'status',
      'metadata.ownerReferences',
      'spec.clusterIP',
      'metadata.labels.runbook/release',
    ])
      expect(notices[0]).toContain(part)
  })

  test('keeps a headless Service headless', () => {
    const [object] = parse(exported.replaceAll('10.0.0.1', 'None')).objects
    expect(object?.spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] })
  })

  test('is not every one that a tool wrote: an address that stands alone was meant, and empty parts say nothing', () => {
    const written = `apiVersion: v1
kind: Service
metadata: { name: web, creationTimestamp: null }
spec: { clusterIP: 10.0.0.1 }
status: { loadBalancer: {} }
`
    const { objects, notices } = parse(written)
    expect(notices).toEqual([])
    expect(objects).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'x' },
        spec: { clusterIP: '10.0.0.1' },
      },
    ])
  })

  test('of a claim and a Job is not bound to the volume and the pods of its cluster', () => {
    const claim = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data, uid: 1-2, annotations: { pv.kubernetes.io/bind-completed: 'yes' }, finalizers: [kubernetes.io/pvc-protection] }
spec: { volumeName: pvc-1, resources: { requests: { storage: 1Gi } } }
---
apiVersion: batch/v1
kind: Job
metadata: { name: once, uid: 3-4, labels: { job-name: once } }
spec:
  selector: { matchLabels: { batch.kubernetes.io/controller-uid: 3-4 } }
  template:
    metadata: { labels: { batch.kubernetes.io/controller-uid: 3-4, app: once } }
    spec: { containers: [] }
`
    const { objects } = parse(claim)
    const [job, data] = ['Job', 'PersistentVolumeClaim'].map(kind => objects.find(each => each.kind === kind))
    expect(data?.spec).toEqual({ resources: { requests: { storage: '1Gi' } } })
    expect(data?.metadata).toEqual({ name: 'data', namespace: 'x', annotations: {} })
    expect(job?.spec).toEqual({
      template: { metadata: { labels: { app: 'once' } }, spec: { containers: [] } },
    })
  })
})
