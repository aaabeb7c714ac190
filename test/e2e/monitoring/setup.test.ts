import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { dashboards } from '../../../shared/monitoring/dashboards.ts'
import { prometheusConfig, rulesPath } from '../../../shared/monitoring/files.ts'
import { alertRules } from '../../../shared/monitoring/rules.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { openPrometheus } from '../../../shared/integrations/observability/prometheus.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { monitoringSetup, monitoringSetupFields } from '../../../shared/commands/watch/monitoring-setup.ts'
import { deliver } from '../../../shared/report/deliver.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { startReferenceService, type ReferenceService } from '../gate/reference-service.ts'
import { startGateway, type Gateway } from './gateway.ts'
import { startGrafana, type GrafanaStandIn } from './grafana.ts'

const lab = openLab()
const name = `e2e-${process.pid}`
const targets = join(lab.prometheus.targetsDir, `${name}.json`)
const rules = join(lab.prometheus.rulesDir, `${name}.yml`)
let service: ReferenceService
let grafana: GrafanaStandIn
let gateway: Gateway
let environment: Environment
let root = ''

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'runbook-monitoring-'))
  mkdirSync(join(root, 'deployment/config'), { recursive: true })
  copyFileSync(prometheusConfig, join(root, prometheusConfig))
  service = await startReferenceService('monitoring')
  grafana = await startGrafana('glsa_token')
  gateway = await startGateway()
  environment = environmentAt(service.url, {
    root,
    name,
    backup: {
      destination: 'file:///x',
      retentionDays: 7,
      shortDays: 2,
      envFile: '',
      promisesRpo: true,
      wal: false,
      verifyQuery: '',
      postgresImage: '',
      encryptTo: [],
      signedBy: [],
      rpoMs: 3_600_000,
      rtoMs: 14_400_000,
    },
    monitoring: { prometheus: '', grafana: '', pushgateway: gateway.url },
  })
})
afterAll(async () => {
  rmSync(targets, { force: true })
  rmSync(rules, { force: true })
  await reload()
  await service.stop()
  await grafana.stop()
  await gateway.stop()
  rmSync(root, { recursive: true })
})

const reload = () => fetch(`${lab.prometheus.url}/-/reload`, { method: 'POST' })

function setUp(inputs: Record<string, string>, env: Record<string, string> = {}) {
  return monitoringSetup(
    environment,
    parseInputs(monitoringSetupFields, key => (key === 'environment' ? name : (inputs[key] ?? ''))),
    realPorts({ env: { ...process.env, ...env } }),
  )
}

/** What a run of every step that the rules and dashboards look at would push. */
async function pushEverything() {
  const ends: [step: string, outputs: Record<string, string>][] = [
    ['backup-db', { verified: 'true', bytes: '1024' }],
    ['restore-db', { 'restored-from': 's3://backups/x' }],
    ['deploy', { changed: 'true' }],
    ['health-check', { health: 'healthy', 'certificate-expires': '2027-01-01T00:00:00.000Z' }],
  ]
  for (const [step, outputs] of ends) {
    const outcome: Outcome = {
      step,
      service: environment.service,
      environment: name,
      status: 'success',
      reason: 'done',
      summary: '',
      next: '',
      serving: '',
      cause: '',
      evidence: [],
      timings: [],
      durationMs: 2_500,
      startedAt: new Date().toISOString(),
      outputs,
    }
    await deliver(environment, outcome, 'run', realPorts())
  }
}

const findings = ({ evidence }: Awaited<ReturnType<typeof setUp>>) =>
  Object.fromEntries(evidence.map(({ subject, finding }) => [subject, finding]))

test('says what Prometheus lacks, and what to do about it', async () => {
  const outcome = await setUp({ 'prometheus-url': lab.prometheus.url })
  expect(outcome.reason).toBe('monitoring-incomplete')
  expect(findings(outcome)).toMatchObject({
    [rulesPath(name)]: 'passes promtool',
    [prometheusConfig]: 'passes promtool',
    Prometheus: expect.stringContaining(`has no target with job="runbook-api" and environment="${name}"`),
    'alert rules': expect.stringMatching(/are not loaded: ServiceDown, .*Name deployment\/config\/alerts/),
    Grafana: 'nothing was uploaded: monitoring.grafana is not in the runbook',
  })
})

test('is whole once the remedy was followed: scraped, loaded, every panel with data, uploaded', async () => {
  await pushEverything()
  writeFileSync(
    targets,
    JSON.stringify([
      { targets: [new URL(service.url).host], labels: { job: 'runbook-api', environment: name } },
      {
        targets: [new URL(gateway.url).host],
        labels: { job: 'runbook-actions', __metrics_path__: '/metrics' },
      },
    ]),
  )
  copyFileSync(join(root, rulesPath(name)), rules)
  await reload()
  for (let asked = 0; asked < 3; asked++) await fetch(`${service.url}/api/v1/users`)
  const prometheus = openPrometheus(lab.prometheus.url, {}, 5_000, new AbortController().signal)
  const rate = `sum(rate(http_request_duration_seconds_count{environment="${name}"}[1m])) > 0 and on() runbook_healthy{environment="${name}"}`
  while ((await prometheus.query(rate)).length === 0) await pause(100)
  prometheus.close()

  const inputs = { 'prometheus-url': lab.prometheus.url, 'grafana-url': grafana.url }
  const outcome = await setUp(inputs, { GRAFANA_TOKEN: 'glsa_token' })
  expect(findings(outcome)).toMatchObject({
    [`target ${new URL(service.url).host}`]: 'is up',
    'alert rules': '11 are loaded',
    'dashboard system': expect.stringContaining('/d/'),
    Pushgateway: 'is ready',
  })
  expect(outcome.evidence.filter(({ tone }) => tone === 'bad')).toEqual([])
  expect(outcome.evidence.map(({ finding }) => finding)).toEqual(
    expect.arrayContaining(['all 6 panels have data', 'all 9 panels have data', 'all 3 panels have data']),
  )
  expect(findings(outcome)).not.toHaveProperty('Grafana')
  expect(outcome.reason).toBe('done')
  expect(grafana.dashboards.map(({ title }) => title)).toEqual([
    `runbook-api ${name}: System`,
    `runbook-api ${name}: Application`,
    `runbook-api ${name}: Business`,
  ])
})

test('every metric that a rule or a panel names is one that the service or a step really puts out', async () => {
  const answers = [`${service.url}/api/v1/metrics`, `${gateway.url}/metrics`].map(async url =>
    (await fetch(url, { headers: { accept: 'text/plain' } })).text(),
  )
  const exposition = (await Promise.all(answers)).join('\n')
  const real = new Set([...exposition.matchAll(/^([a-z_]+)(?=[{ ])/gm)].map(([, metric]) => metric))
  // Prometheus' own, and a blackbox exporter's, which may stand in for what is pushed.
  for (const other of ['up', 'probe_ssl_earliest_cert_expiry']) real.add(other)
  const secure = {
    ...environment,
    url: 'https://api.runbook.com',
    gate: { ...environment.gate, latencyMs: 1 },
  }
  const queries = [
    ...alertRules(secure).groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ...dashboards(secure).flatMap(({ panels }) =>
      panels.flatMap(each => each.queries.map(({ expr }) => expr)),
    ),
  ]
  const asked = new Set(
    queries.flatMap(expr => [...expr.matchAll(/([a-z_]+)\{/g)].map(([, metric]) => metric)),
  )
  expect(asked.size).toBeGreaterThan(18)
  expect([...asked].filter(metric => !real.has(metric))).toEqual([])
})

test('rules of another environment, and those of an older file, are not taken for its own', async () => {
  const inputs = { 'prometheus-url': lab.prometheus.url }
  const rulesOf = (said: Partial<Environment>) =>
    writeFileSync(rules, JSON.stringify(alertRules({ ...environment, ...said })))
  const loaded = async (part: string) => {
    await reload()
    const prometheus = openPrometheus(lab.prometheus.url, {}, 5_000, new AbortController().signal)
    while (!(await prometheus.rules()).some(({ group, query }) => `${group} ${query}`.includes(part)))
      await pause(50)
    prometheus.close()
    return findings(await setUp(inputs))['alert rules']
  }
  rulesOf({ name: `${name}-other` })
  expect(await loaded(`${name}-other`)).toContain('are not loaded: ServiceDown, ')
  rulesOf({ gate: { ...environment.gate, memory: 0.5 } })
  expect(await loaded('> 0.5')).toContain('are loaded from an older file: MemoryHigh. Give Prometheus')
})

test('writes nothing and uploads nothing in a dry run, and tells what differs', async () => {
  writeFileSync(join(root, rulesPath(name)), 'groups: [\n')
  const before = grafana.dashboards.length
  const inputs = { 'dry-run': 'true', 'grafana-url': grafana.url }
  const outcome = await setUp(inputs, { GRAFANA_TOKEN: 'glsa_token' })
  expect(outcome.status).toBe('failure')
  expect(outcome.evidence).toContainEqual(
    expect.objectContaining({ subject: rulesPath(name), finding: 'differs from what the runbook says' }),
  )
  expect(outcome.evidence).toContainEqual(
    expect.objectContaining({ subject: rulesPath(name), finding: 'is refused by promtool' }),
  )
  expect(readFileSync(join(root, rulesPath(name)), 'utf8')).toBe('groups: [\n')
  expect(grafana.dashboards).toHaveLength(before)
})

test('a token that Grafana refuses is told without the token', async () => {
  const outcome = await setUp({ 'grafana-url': grafana.url }, { GRAFANA_TOKEN: 'glsa_other' })
  expect(outcome).toMatchObject({ status: 'failure', summary: expect.stringContaining('HTTP 401') })
  expect(JSON.stringify(outcome)).not.toContain('glsa_other')
})
