import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { deliver } from '../../../shared/report/deliver.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'
import { startGateway, type Gateway } from './gateway.ts'
import { startGrafana, type GrafanaStandIn } from './grafana.ts'
import { logTo } from '../../log.ts'

let gateway: Gateway
let grafana: GrafanaStandIn
beforeAll(async () => {
  gateway = await startGateway()
  grafana = await startGrafana('glsa_token')
})
afterAll(async () => {
  await gateway.stop()
  await grafana.stop()
})

const warned: string[] = []
const log = logTo(line => void warned.push(line))

function tell(said: Partial<Outcome>, grafanaUrl = grafana.url) {
  const monitoring = { prometheus: '', pushgateway: gateway.url, grafana: grafanaUrl }
  const outcome: Outcome = {
    step: 'backup-db',
    service: 'runbook-api',
    environment: 'production',
    status: 'success',
    reason: 'done',
    summary: 'done',
    next: '',
    serving: '',
    cause: '',
    evidence: [],
    timings: [],
    durationMs: 2_500,
    startedAt: '2026-11-23T02:00:00.000Z',
    outputs: {},
    ...said,
  }
  const sender = { ...realPorts(), log, env: { GRAFANA_TOKEN: 'glsa_token' } }
  return deliver(environmentAt('', { monitoring }), outcome, 'run', sender)
}

const metrics = async () => (await fetch(`${gateway.url}/metrics`)).text()
const taken = Date.parse('2026-11-23T02:00:00.000Z') / 1000

test('a verified backup tells when it was taken, and a later one that failed does not make it forgotten', async () => {
  await tell({ outputs: { verified: 'true', bytes: '1024' } })
  await tell({ status: 'failure', reason: 'backup-failed', startedAt: '2026-11-23T02:30:00.000Z' })
  const said = await metrics()
  const labels = 'environment="production",instance="",job="runbook-actions"'
  expect(said).toContain(
    `runbook_step_duration_seconds{${labels},reason="backup-failed",service="runbook-api",status="failure",step="backup-db"} 2.5`,
  )
  expect(said).not.toContain('reason="done"')
  const snapshot = /^runbook_backup_snapshot_timestamp_seconds\{.*\} (.*)$/m.exec(said)?.[1]
  expect(Number(snapshot)).toBe(taken)
  expect(warned).toEqual([])
})

test('a release is marked on the dashboards, one that was refused is not', async () => {
  await tell({ step: 'deploy', summary: 'v1.2.3 is ready', outputs: { changed: 'true' } })
  await tell({ step: 'deploy', status: 'failure', outputs: { changed: 'false' } })
  expect(grafana.annotations).toEqual([
    { text: 'v1.2.3 is ready', tags: ['runbook', 'runbook-api', 'production', 'deploy', 'success'] },
  ])
})

test('a Grafana that is down is warned of, and nothing else happens', async () => {
  await tell({ step: 'deploy', outputs: { changed: 'true' } }, 'http://127.0.0.1:9')
  expect(warned).toEqual([expect.stringContaining('127.0.0.1:9/api/annotations: connection refused')])
})
