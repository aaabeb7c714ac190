import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openPrometheus } from '../../../shared/integrations/observability/prometheus.ts'
import { healthGate, healthGateFields } from '../../../shared/commands/verify/health-gate.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { parseCondition } from '../../../shared/config/schema/condition.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt, realPorts } from './ports.ts'
import { startReferenceService, type ReferenceService } from './reference-service.ts'

const lab = openLab()
const name = `e2e-gate-${process.pid}`
const targets = join(lab.prometheus.targetsDir, `${name}.json`)
const ours = `environment="${name}"`
let service: ReferenceService

beforeAll(async () => {
  service = await startReferenceService('gate_metrics')
  scrape([new URL(service.url).host])
  const prometheus = openPrometheus(lab.prometheus.url, {}, 5_000, new AbortController().signal)
  while ((await prometheus.query(`runbook_dependency_up{${ours}}`)).length === 0) await pause(100)
  prometheus.close()
})
afterAll(async () => {
  rmSync(targets, { force: true })
  await service.stop()
})

/** Prometheus scrapes every second what stands there. */
function scrape(hosts: string[]): void {
  writeFileSync(
    targets,
    JSON.stringify([{ targets: hosts, labels: { job: 'runbook-api', environment: name } }]),
  )
}

async function gate(queries: string, metrics: Record<string, string> = {}, expected = {}) {
  const environment = environmentAt(service.url)
  environment.gate = {
    ...environment.gate,
    forMs: 4_000,
    metrics: Object.entries(metrics).map(([key, text]) => parseCondition('', key, text)),
    expect: expected,
  }
  const said: Record<string, string> = {
    environment: 'staging',
    'prometheus-url': lab.prometheus.url,
    queries,
  }
  const outcome = await healthGate(
    environment,
    parseInputs(healthGateFields, key => said[key] ?? ''),
    realPorts(),
  )
  const findings = Object.fromEntries(outcome.evidence.map(({ subject, finding }) => [subject, finding]))
  return { ...outcome, findings }
}

test('passes what holds, of Prometheus, of the metrics text and of the JSON', async () => {
  const { findings, ...outcome } = await gate(
    `dependencies: min(runbook_dependency_up{${ours}}) >= 1\nerrors: sum(rate(http_request_duration_seconds_count{${ours},status=~"5.."}[5s]) or vector(0)) < 0.5`,
    { memory: 'runbook_memory_used_ratio < 100%', up: 'runbook_dependency_up{dependency="cache"} >= 1' },
    { '/api/v1/status': { 'checks.database.status': 'up', status: 'ok' } },
  )
  expect(findings).toMatchObject({
    'query dependencies': '1 (from 1 to 1; wanted >= 1)',
    'metric up': '1 (from 1 to 1; wanted >= 1)',
  })
  expect(findings['query errors']).toContain('wanted < 0.5')
  expect(outcome).toMatchObject({ reason: 'done', outputs: { verdict: 'pass' } })
})

test('fails what does not hold, and names it', async () => {
  const { summary, reason, findings } = await gate(
    `residence: max(process_resident_memory_bytes{${ours}}) < 1e3`,
    { lag: 'nodejs_eventloop_delay_seconds < 0' },
    { '/health': { status: 'better' } },
  )
  expect(reason).toBe('gate-failed')
  expect(summary).toContain('errors: ')
  expect(findings['GET /health']).toContain('status is "ok", expected "better"')
})

test('fails thresholds that were crossed at the end, each told', async () => {
  const { reason, findings } = await gate(`residence: max(process_resident_memory_bytes{${ours}}) < 1e3`, {
    lag: 'nodejs_eventloop_delay_seconds < 0',
  })
  expect(reason).toBe('gate-failed')
  expect(findings['query residence']).toMatch(/wanted < 1000\): crossed in all of the last \d+ readings/)
  expect(findings['metric lag']).toMatch(/of quantile="1" .*wanted < 0\): crossed/)
})

test('what is NaN, empty or a counter decides nothing', async () => {
  const { reason, findings } = await gate(
    `nan: 0 * max(runbook_dependency_up{${ours}}) / 0 < 1\nempty: max(no_such_metric{${ours}}) < 1`,
    { calls: 'runbook_api_calls_total < 1e9', none: 'no_such_metric < 1' },
  )
  expect(reason).toBe('gate-inconclusive')
  expect(findings['query nan']).toMatch(/ is NaN$/)
  expect(findings['query empty']).toContain('Prometheus has nothing for max(no_such_metric')
  expect(findings['metric calls']).toContain('only ever grows (counter)')
  expect(findings['metric none']).toBe('/api/v1/metrics has no no_such_metric')
})

test('a service that Prometheus scrapes no more is not judged by what it was', async () => {
  scrape([])
  const prometheus = openPrometheus(lab.prometheus.url, {}, 5_000, new AbortController().signal)
  while ((await prometheus.query(`up{${ours}}`)).length > 0) await pause(100)
  prometheus.close()
  const { reason, findings } = await gate(
    `past: max(max_over_time(runbook_dependency_up{${ours}}[10m])) >= 1\nnow: max(runbook_dependency_up{${ours}}) >= 1`,
  )
  expect(reason).toBe('gate-inconclusive')
  expect(findings['query now']).toContain('Prometheus has nothing')
  expect(findings['query past']).toContain('is measured no more')
})

test('a query that Prometheus cannot read is refused before anything is probed', async () => {
  const outcome = await gate(`broken: sum(rate(up)) < 1`)
  expect(outcome).toMatchObject({ reason: 'input-invalid', outputs: {} })
  expect(outcome.summary).toMatch(/queries:1: broken is "sum\(rate\(up\)\)"; .*expected type range vector/)
})
