import { afterAll, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { gateDefaults } from '../../shared/config/environment.ts'
import { planGate } from '../../shared/gate/plan.ts'
import { readEnvFile } from '../../shared/config/env-file/env-file.ts'
import { environmentNames, loadEnvironment } from '../../shared/config/load.ts'
import { loadSuite } from '../../shared/smoke/suite.ts'

// The page "Your own service" shows whole files. Each is what it says that it is.

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/your-service.md'), 'utf8')
const blocks = [...page.matchAll(/```\w+\n# (deployment\/\S+)\n([\s\S]*?)```/g)].map(match => ({
  path: String(match[1]),
  text: String(match[2]),
}))
const folder = mkdtempSync(join(tmpdir(), 'your-service-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const { path, text } of blocks) {
  mkdirSync(join(folder, dirname(path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}
const runbooks = blocks.filter(({ path }) => path.endsWith('runbook.yml'))

test('there is a runbook for each kind of target', () => {
  const kinds = runbooks.map(({ text }) => /kind: (\w+)/.exec(text)?.[1])
  expect(kinds).toEqual(['process', 'docker', 'kubernetes'])
})

test.each(runbooks)(
  'runbook %#: its gate can pass, its suite can be sent, its env-file has what it requires',
  ({ text }) => {
    writeFileSync(join(folder, 'deployment/runbook.yml'), text)
    const where = { root: folder, config: 'deployment/runbook.yml' }
    const [environment = ''] = environmentNames(where)
    const loaded = loadEnvironment({ ...where, environment, overrides: {} })
    expect(planGate(loaded).endpoints).toEqual([{ path: '/healthz', json: {}, judged: 'content' }])
    expect(loadSuite(folder, loaded.smoke.suite).requests.map(({ path }) => path)).toEqual([
      '/healthz',
      '/orders',
    ])
    if (environment === 'production')
      expect(Object.keys(readEnvFile(folder, loaded.envFile))).toEqual(loaded.requires)
  },
)

test('the manifests are of the workload that the runbook names, and take their Secret from its env-file', () => {
  const text = readFileSync(join(folder, 'deployment/k8s/orders.yaml'), 'utf8')
  const objects = parseAllDocuments(text).map(each => each.toJS() as { kind: string; metadata: object })
  expect(objects.map(({ kind, metadata }) => ({ kind, ...metadata }))).toEqual([
    { kind: 'Deployment', name: 'orders', namespace: 'orders' },
    { kind: 'Service', name: 'orders', namespace: 'orders' },
  ])
  expect(text).toContain('secretRef: { name: orders-env }')
})

test('the shortest window that it names is the shortest that can pass, and the default is as it says', () => {
  const [, probes, seconds, ms] =
    /A pass takes (\d+) probes: ([\d.]+) s at the usual `interval` of (\d+) ms/.exec(page) ?? []
  const environment = { name: 'x', url: 'http://127.0.0.1', monitoring: {} }
  const plan = (forMs: number) => {
    const gate = { ...gateDefaults, forMs, paths: ['/healthz'] }
    return planGate({ ...environment, gate } as unknown as Parameters<typeof planGate>[0])
  }
  expect(gateDefaults.intervalMs).toBe(Number(ms))
  expect(plan(Number(seconds) * 1_000).rounds).toBe(Number(probes))
  expect(() => plan(Number(seconds) * 1_000 - 1)).toThrow(`a pass takes ${probes}`)
})
