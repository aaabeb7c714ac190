import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse, stringify } from 'yaml'
import { InputError } from '../../../shared/outcome/errors.ts'
import { objectsOf } from '../../../shared/targets/kubernetes/apply/apply.ts'
import { compareBodies } from '../../../shared/targets/kubernetes/inspect/diff.ts'
import { secretsOfObject } from '../../../shared/targets/kubernetes/state/keep-secret.ts'
import { readDocuments } from '../../../shared/targets/kubernetes/manifests/documents.ts'
import { objectsIn } from '../../../shared/targets/kubernetes/manifests/manifests.ts'
import { payloadOf } from '../../../shared/targets/kubernetes/apply/body.ts'
import { renderObjects } from '../../../shared/targets/kubernetes/manifests/render.ts'

const image = `registry.example.com/team/api@sha256:${'a'.repeat(64)}`
const spec = { namespace: 'production', workload: 'deployment/api', manifests: 'k8s' }

const valid = `apiVersion: apps/v1
kind: Deployment
metadata: { name: api, labels: { app: api }, annotations: { note: x } }
spec:
  replicas: 2
  template:
    metadata: { labels: { app: api } }
    spec:
      initContainers: [{ name: init, image: busybox }]
      containers:
        - name: app
          image: team/api
          command: [node]
          args: [--token, abc]
          env:
            - { name: A, value: b }
            - { name: B, valueFrom: { secretKeyRef: { name: s, key: k } } }
          envFrom: [{ configMapRef: { name: c } }, { secretRef: { name: s } }]
          resources: { requests: { cpu: 100m, memory: 64Mi } }
      volumes:
        - { name: v, projected: { sources: [{ configMap: { name: c } }, { secret: { name: s } }] } }
---
apiVersion: v1
kind: Secret
metadata: { name: s }
stringData: { PORT: '5' }
data: { A: aGVsbG8= }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: c }
data: { URL: 'redis://:pass@r' }
---
apiVersion: batch/v1
kind: Job
metadata: { name: m, annotations: { runbook/migration: 'true' } }
spec: { template: { spec: { containers: [{ name: m, image: team/api }], restartPolicy: Never } } }
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: h }
spec: { scaleTargetRef: { kind: Deployment, name: api } }
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.example.com }
spec: { group: example.com, scope: Cluster, names: { kind: Thing } }
---
apiVersion: v1
kind: List
items: [{ apiVersion: v1, kind: Service, metadata: { name: api }, spec: { ports: [] } }]
`

/** The whole way that manifests go before the API server is asked. */
function prepare(text: string) {
  const read = objectsIn('k8s', readDocuments('k8s/a.yaml', text), 'production').objects
  const body = renderObjects(read, 'api', spec, { version: 'v1.2.3', image, config: {} })
  payloadOf(body)
  body.manifests.flatMap(secretsOfObject)
  compareBodies(body, body)
  objectsOf(body, 'r1', 'api')
  return body
}

function refusalOf(text: string): string {
  try {
    prepare(text)
  } catch (error) {
    if (error instanceof InputError) return error.message
    throw error
  }
  return ''
}

test('the manifests that are spoiled below are good', () => {
  expect(prepare(valid).manifests).toHaveLength(7)
})

describe('a mistake is named with its place, what is there and what belongs there', () => {
  test.each<[string, string, string, string]>([
    [
      'a number in stringData',
      "PORT: '5'",
      'PORT: 8081',
      'k8s/a.yaml:26 stringData.PORT of Secret s is a number; accepted: text; put it in quotes',
    ],
    ['nothing in stringData', "PORT: '5'", 'PORT:', 'stringData.PORT of Secret s is null; accepted: text'],
    [
      'a container without an image',
      'name: app\n          image: team/api',
      'name: app',
      'k8s/a.yaml:11 spec.template.spec.containers[0].image of Deployment api is missing; accepted: an image, like',
    ],
    [
      'an image that is a number',
      'image: busybox',
      'image: 5',
      'k8s/a.yaml:9 spec.template.spec.initContainers[0].image of Deployment api is a number, "5"; accepted: an image',
    ],
    [
      'no container',
      '[{ name: m, image: team/api }]',
      '[null]',
      'containers[0] of Job m is null; accepted: a map',
    ],
    [
      'a Job without containers',
      'containers: [{ name: m, image: team/api }], ',
      '',
      'spec.template.spec.containers of Job m is missing; accepted: a list of containers',
    ],
    [
      'a number as a variable',
      'value: b',
      'value: 5',
      'env[0].value of Deployment api is a number; accepted: text',
    ],
    [
      'a mark that is no text',
      "runbook/migration: 'true'",
      'runbook/migration: true',
      'metadata.annotations.runbook/migration of Job m is a boolean, "true"; accepted: text',
    ],
    [
      'binary content',
      "{ URL: 'redis://:pass@r' }",
      '{ URL: !!binary aGVsbG8= }',
      'k8s/a.yaml:32 data.URL is binary (!!binary); accepted: text, numbers',
    ],
    [
      'a set',
      "{ URL: 'redis://:pass@r' }",
      '!!set { a, b }',
      'k8s/a.yaml:32 data is a set (!!set); accepted',
    ],
    [
      'an ordered map',
      "{ URL: 'redis://:pass@r' }",
      '!!omap [ a: 1 ]',
      'k8s/a.yaml:32 data is an ordered map (!!omap); accepted',
    ],
    ['infinity', 'replicas: 2', 'replicas: .inf', 'k8s/a.yaml:5 spec.replicas is no finite number'],
    [
      'an alias that contains itself',
      "data: { URL: 'redis://:pass@r' }",
      'data: &a { URL: *a }',
      'nested more than 100 levels deep',
    ],
    ['an alias of nothing', "'redis://:pass@r'", '*none', 'Unresolved alias'],
  ])('%s', (_what, from, to, message) => {
    expect(valid).toContain(from)
    const said = refusalOf(valid.replace(from, to))
    expect(said).toContain(message)
    expect(said).not.toBe('')
  })

  test('aliases that unfold to millions, and nesting without end', () => {
    const layers = Array.from({ length: 12 }, (_, at) => `a${at}: &a${at} [${`*a${at - 1},`.repeat(9)}]`)
    const bomb = `a: &a-1 x\n${layers.join('\n')}`.replaceAll('-1', 'x')
    expect(refusalOf(`${valid}---\n${bomb}\n`)).toMatch(
      /^k8s\/a\.yaml cannot be unfolded: Excessive alias count/,
    )
    expect(refusalOf(`a: ${'['.repeat(200_000)}`)).toMatch(/^k8s\/a\.yaml/)
    expect(refusalOf(`a: ${'['.repeat(300)}${']'.repeat(300)}`)).toContain('nested more than 100 levels deep')
  })

  test('what is null is as good as absent, as it is to the API server', () => {
    const without = valid
      .replace("{ URL: 'redis://:pass@r' }", '{ URL: }')
      .replace('data: { A: aGVsbG8= }', 'data: { A: }')
      .replace('labels: { app: api }', 'labels:')
      .replace('spec: { scaleTargetRef: { kind: Deployment, name: api } }', 'spec:')
    expect(prepare(without).manifests).toHaveLength(7)
  })
})

type Path = (string | number)[]
const pathsOf = (value: unknown, path: Path = []): Path[] =>
  typeof value === 'object' && value !== null
    ? [path, ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key]))]
    : [path]

const documents = valid.split('---\n').map(text => parse(text) as object)
const places = documents.flatMap((document, at) => pathsOf(document).map(path => [at, ...path]))
const strange: unknown[] = [
  undefined,
  null,
  5,
  -1.5,
  true,
  '',
  'text',
  'a/b:c@d',
  '\0',
  [],
  [null],
  [5],
  ['x'],
  [[]],
  {},
  { name: null },
  { name: 5 },
  { name: 'x' },
  { constructor: 1, toString: 2 },
]

function spoiled(changes: [Path, unknown][]): string {
  const copy = structuredClone(documents) as unknown
  for (const [path, value] of changes) {
    const parent = path
      .slice(0, -1)
      .reduce<unknown>(
        (within, key) => (within as Record<string | number, unknown> | null | undefined)?.[key],
        copy,
      )
    const last = path.at(-1)
    if (typeof parent !== 'object' || parent === null || last === undefined) continue
    ;(parent as Record<string | number, unknown>)[last] = structuredClone(value)
  }
  return (copy as unknown[])
    .map(each => stringify(each ?? null, { aliasDuplicateObjects: false }))
    .join('---\n')
}

test('of manifests with parts of any other kind, only what is wrong with them is said', () => {
  for (const place of places) for (const value of strange) refusalOf(spoiled([[place, value]]))
  const change = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...strange))
  fc.assert(
    fc.property(fc.array(change, { minLength: 2, maxLength: 4 }), changes => {
      refusalOf(spoiled(changes))
    }),
    { numRuns: 300 },
  )
}, 30_000)

test('of text that is cut, doubled or sown with tags, only what is wrong with it is said', () => {
  const piece = fc.constantFrom(
    '*a',
    '&a ',
    '!!binary ',
    '!!set ',
    '!!omap ',
    '!x ',
    '? ',
    ': ',
    '- ',
    '{',
    ']',
    '"',
    '|\n',
    '<<: ',
    '---\n',
    '%',
    '\t',
    '\0',
    '__proto__: ',
    '.nan',
  )
  const edit = fc.tuple(fc.nat({ max: valid.length }), fc.nat({ max: 12 }), piece)
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), edits => {
      const text = edits.reduce(
        (all, [at, gone, put]) => all.slice(0, at) + put + all.slice(at + gone),
        valid,
      )
      refusalOf(text)
    }),
    { numRuns: 800 },
  )
}, 30_000)
