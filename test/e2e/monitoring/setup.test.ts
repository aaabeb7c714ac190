import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { prometheusConfig, rulesPath } from '../../../shared/monitoring/files.ts'
import { openPrometheus } from '../../../shared/platform/prometheus.ts'
import type { Environment } from '../../../shared/runbook/environment.ts'
import { parseInputs } from '../../../shared/steps/inputs.ts'
import { monitoringSetup, monitoringSetupFields } from '../../../shared/steps/monitoring-setup.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { startReferenceService, type ReferenceService } from '../gate/reference-service.ts'
import { startGrafana, type GrafanaStandIn } from './grafana.ts'

jest.setTimeout(90_000)

const lab = openLab()
const name = `e2e-${process.pid}`
const targets = join(lab.prometheus.targetsDir, `${name}.json`)
const rules = join(lab.prometheus.rulesDir, `${name}.yml`)
let service: ReferenceService
let grafana: GrafanaStandIn
let environment: Environment
let root = ''

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'runbook-monitoring-'))
  mkdirSync(join(root, 'deployment/config'), { recursive: true })
  copyFileSync(prometheusConfig, join(root, prometheusConfig))
  service = await startReferenceService('monitoring')
  grafana = await startGrafana('glsa_token')
  environment = environmentAt(service.url, { root, name })
})
afterAll(async () => {
  rmSync(targets, { force: true })
  rmSync(rules, { force: true })
  await reload()
  await service.stop()
  await grafana.stop()
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
  const labels = { job: 'runbook-api', environment: name }
  writeFileSync(targets, JSON.stringify([{ targets: [new URL(service.url).host], labels }]))
  copyFileSync(join(root, rulesPath(name)), rules)
  await reload()
  for (let asked = 0; asked < 3; asked++) await fetch(`${service.url}/api/v1/users`)
  const prometheus = openPrometheus(lab.prometheus.url, {}, 5_000, new AbortController().signal)
  const rate = `sum(rate(http_request_duration_seconds_count{environment="${name}"}[1m])) > 0`
  while ((await prometheus.query(rate)).length === 0) await pause(100)
  prometheus.close()

  const inputs = { 'prometheus-url': lab.prometheus.url, 'grafana-url': grafana.url }
  const outcome = await setUp(inputs, { GRAFANA_TOKEN: 'glsa_token' })
  expect(findings(outcome)).toMatchObject({
    [`target ${new URL(service.url).host}`]: 'is up',
    'alert rules': '7 are loaded',
  })
  expect(outcome.evidence.filter(({ tone }) => tone === 'bad')).toEqual([])
  expect(findings(outcome)).not.toHaveProperty('Grafana')
  expect(outcome.reason).toBe('done')
  expect(grafana.dashboards.map(({ title }) => title)).toEqual([
    `runbook-api ${name}: System`,
    `runbook-api ${name}: Application`,
    `runbook-api ${name}: Business`,
  ])
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
