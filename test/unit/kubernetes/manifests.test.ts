import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parseManifests, readManifests } from '../../../shared/targets/kubernetes/manifests.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'manifests-'))
  mkdirSync(join(root, 'k8s'))
})
afterEach(() => rmSync(root, { recursive: true }))

const write = (file: string, text: string) => writeFileSync(join(root, 'k8s', file), text)
const read = () => readManifests(root, 'k8s', 'production')
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
    expect(readManifests(root, 'k8s/a.yaml', 'production')).toHaveLength(1)
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
    expect(() => readManifests(root, 'k8s/none', 'production')).toThrow(/manifests: k8s\/none cannot be read/)
  })
})

test('values are those that kubectl reads', () => {
  const text =
    'mode: 0644\nmodern: 0o644\nhex: 0x1F\nyes: on\ndate: 2026-01-01\nports: 3001:30\ncpu: 200m\nnone: ~\n'
  const [found] = parseManifests('a.yaml', `${configMap('a')}${text}`, 'x')
  expect(found?.object).toMatchObject({
    mode: 0o644,
    modern: 0o644,
    hex: 31,
    true: true,
    date: '2026-01-01',
    ports: '3001:30',
    cpu: '200m',
    none: null,
  })
})
