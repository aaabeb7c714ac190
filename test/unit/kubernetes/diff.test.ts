import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { actionOf, changeOf } from '../../../shared/targets/kubernetes/inspect/diff.ts'
import { compareLines } from '../../../shared/targets/kubernetes/inspect/lines.ts'
import type { KubeObject } from '../../../shared/targets/kubernetes/manifests/objects.ts'

const deployment = (image: string, replicas = 2): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: 'api',
    namespace: 'production',
    resourceVersion: String(replicas),
    labels: { 'runbook/release': image },
    managedFields: [],
  },
  spec: {
    replicas,
    template: {
      spec: {
        containers: [
          { name: 'app', image, ports: [{ containerPort: 3000 }] },
          { name: 'side', image: 's' },
        ],
      },
    },
  },
  status: { replicas },
})
const secret = (data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'env', annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'c2VjcmV0' } },
  data,
})

describe('lines', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 30 })

  test('that are compared give both texts back', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = compareLines(before, after)
        const of = (mark: '-' | '+') => lines.filter(each => each.mark !== mark).map(each => each.text)
        expect(of('+')).toEqual(before)
        expect(of('-')).toEqual(after)
      }),
    )
  })

  test('are never told as changed in more places than it takes', () => {
    fc.assert(
      fc.property(text, text, (before, after) => {
        const edits = compareLines(before, after).filter(({ mark }) => mark !== ' ').length
        expect(edits).toBe(before.length + after.length - 2 * longestCommon(before, after))
      }),
    )
  })

  test('of two texts that have nothing in common are not aligned for minutes', () => {
    const many = (prefix: string) => Array.from({ length: 50_000 }, (_, index) => `${prefix}${index}`)
    expect(compareLines(many('a'), many('b'))).toHaveLength(100_000)
  })
})

/** By the book: a table of the lengths of common subsequences. */
function longestCommon(a: string[], b: string[]): number {
  let row = b.map(() => 0)
  for (const each of a) {
    const next: number[] = []
    for (const [at, other] of b.entries()) {
      const diagonal = row[at - 1] ?? 0
      next.push(each === other ? diagonal + 1 : Math.max(row[at] ?? 0, next[at - 1] ?? 0))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

describe('the change of an object', () => {
  test('is a unified diff with the path of what it is in', () => {
    const { diff, action } = changeOf(deployment('v2'), deployment('v1'), deployment('v2'))
    expect(action).toBe('update')
    expect(diff).toBe(
      [
        '@@ spec.template.spec @@',
        '       containers:',
        '         - name: app',
        '-          image: v1',
        '+          image: v2',
        '           ports:',
        '             - containerPort: 3000',
      ].join('\n'),
    )
  })

  test('is none when only the cluster or this suite wrote', () => {
    const before = { ...deployment('v1'), status: { replicas: 7 } }
    const after = deployment('v1')
    after.metadata.labels = { 'runbook/release': 'r9' }
    expect(changeOf(after, before, after)).toEqual({ object: 'Deployment production/api', action: 'none' })
    expect(actionOf(before, after)).toBe('none')
  })

  test('of a Secret tells keys, and no value', () => {
    const { diff = '' } = changeOf(
      secret({}),
      secret({ SAME: 'c2FtZQ==', OLD: 'b2xk', TOKEN: 'b25l' }),
      secret({ SAME: 'c2FtZQ==', NEW: 'bmV3', TOKEN: 'dHdv' }),
    )
    expect(diff).toContain('-  OLD: (hidden)')
    expect(diff).toContain('+  NEW: (hidden)')
    expect(diff).toContain('+  TOKEN: (hidden, changed)')
    expect(diff).not.toMatch(/c2FtZQ|b2xk|bmV3|b25l|dHdv|c2VjcmV0/)
  })

  test('is bounded in lines and width', () => {
    const wide = (prefix: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'big' },
      data: Object.fromEntries(
        Array.from({ length: 500 }, (_, index) => [`key${index}`, `${prefix}${'x'.repeat(2_000)}`]),
      ),
    })
    const lines = changeOf(wide('b'), wide('a'), wide('b')).diff?.split('\n') ?? []
    expect(lines).toHaveLength(61)
    expect(lines.at(-1)).toBe('... 1000 changed lines in all')
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(160)
  })

  test('shows text of several lines line by line', () => {
    const script = (text: string): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { 'run.sh': text },
    })
    expect(changeOf(script(''), script('one\ntwo\nthree\n'), script('one\n2\nthree\n')).diff).toContain(
      '     one\n-    two\n+    2\n     three',
    )
  })
})
