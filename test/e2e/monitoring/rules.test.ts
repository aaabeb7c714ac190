import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { alertRules } from '../../../shared/monitoring/rules.ts'
import { gateDefaults } from '../../../shared/config/environment.ts'
import { environmentAt } from '../gate/ports.ts'

// Prometheus' own promtool evaluates the rules over made-up series: each alert once just over its threshold, and once
// just under it.

const environment = environmentAt('https://api.runbook.com', {
  name: 'production',
  gate: { ...gateDefaults, latencyMs: 500 },
  backup: {
    destination: 's3://backups',
    retentionDays: 30,
    encryptTo: [],
    signedBy: [],
    verifyQuery: '',
    postgresImage: '',
    rpoMs: 3_600_000,
    rtoMs: 4 * 3_600_000,
    shortDays: 2,
    envFile: '',
    promisesRpo: true,
    wal: false,
  },
})

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-rules-'))
  writeFileSync(join(folder, 'rules.yml'), stringify(alertRules(environment)))
})
afterAll(() => rmSync(folder, { recursive: true }))

const own = 'job="runbook-api",environment="production",instance="a:3000"'
const suite = 'service="runbook-api",environment="production"'
const ratio = (resource: string, value: number) => ({
  series: `runbook_${resource}_used_ratio{${own},of="limit"}`,
  values: `${value}x60`,
})
const requests = (status: number, aMinute: number) => ({
  series: `http_request_duration_seconds_count{${own},route="/api/v1/users",status="${status}"}`,
  values: `0+${aMinute}x60`,
})
const bucket = (le: string, aMinute: number) => ({
  series: `http_request_duration_seconds_bucket{${own},route="/api/v1/users",status="200",le="${le}"}`,
  values: `0+${aMinute}x60`,
})
const ageAtHalfAnHour = (minutes: number) => ({
  series: `runbook_backup_snapshot_timestamp_seconds{${suite}}`,
  values: `${(30 - minutes) * 60}x120`,
})

/** A certificate that ends so many days after the moment at which it is asked about. */
const pushedEnd = (days: number) => ({
  series: `runbook_certificate_expiry_timestamp_seconds{${suite}}`,
  values: `${days * 86_400 + 90 * 60}x120`,
})
const probedEnd = (days: number) => ({
  series: 'probe_ssl_earliest_cert_expiry{instance="https://api.runbook.com"}',
  values: `${days * 86_400 + 90 * 60}x120`,
})
/** The last look at the service, so many minutes before it is asked about at half an hour. */
const look = (healthy: number, minutesAgo: number) => [
  { series: `runbook_healthy{${suite},step="health-check"}`, values: `${healthy}x60` },
  {
    series: `runbook_step_end_timestamp_seconds{${suite},step="health-check"}`,
    values: `${(30 - minutesAgo) * 60}x60`,
  },
]

const cases: Record<string, { over: Series[]; under: Series[] }> = {
  ServiceDown: {
    over: [{ series: `up{${own}}`, values: '0x60' }],
    under: [{ series: `up{${own}}`, values: '1x60' }],
  },
  InstanceDown: {
    over: [
      { series: `up{${own}}`, values: '0x60' },
      { series: `up{${own.replace('a:', 'b:')}}`, values: '1x60' },
    ],
    under: [{ series: `up{${own}}`, values: '1x60' }],
  },
  DependencyDown: {
    over: [{ series: `runbook_dependency_up{${own},dependency="database"}`, values: '0x60' }],
    under: [{ series: `runbook_dependency_up{${own},dependency="database"}`, values: '1x60' }],
  },
  HealthCheckFails: { over: look(0, 5), under: look(1, 5) },
  ErrorRateHigh: {
    over: [requests(200, 9_850), requests(503, 150)],
    under: [requests(200, 9_950), requests(503, 50)],
  },
  LatencyHigh: {
    over: [bucket('0.25', 900), bucket('0.5', 940), bucket('1', 1_000), bucket('+Inf', 1_000)],
    under: [bucket('0.25', 900), bucket('0.5', 960), bucket('1', 1_000), bucket('+Inf', 1_000)],
  },
  MemoryHigh: { over: [ratio('memory', 0.86)], under: [ratio('memory', 0.84)] },
  CpuHigh: { over: [ratio('cpu', 0.81)], under: [ratio('cpu', 0.79)] },
  DiskHigh: { over: [ratio('disk', 0.91)], under: [ratio('disk', 0.89)] },
  BackupTooOld: { over: [ageAtHalfAnHour(61)], under: [ageAtHalfAnHour(59)] },
  BackupUnknown: { over: [], under: [ageAtHalfAnHour(20)] },
  RestoreTooSlow: {
    over: [{ series: `runbook_restore_duration_seconds{${suite}}`, values: '14401x60' }],
    under: [{ series: `runbook_restore_duration_seconds{${suite}}`, values: '14399x60' }],
  },
  CertificateExpires: { over: [pushedEnd(13)], under: [pushedEnd(15)] },
  CertificateUnknown: { over: [], under: [probedEnd(15)] },
}

interface Series {
  series: string
  values: string
}

const rules = new Map(
  alertRules(environment).groups.flatMap(({ rules }) => rules.map(rule => [rule.alert, rule] as const)),
)

test('every alert is tried', () => {
  expect(Object.keys(cases).toSorted()).toEqual([...rules.keys()].toSorted())
})

test.each(Object.entries(cases))('%s fires over its threshold and not under it', (alert, { over, under }) => {
  const at = ['CertificateExpires', 'CertificateUnknown', 'BackupUnknown'].includes(alert) ? '90m' : '30m'
  expect(firing(alert, over, at)).toBe(1)
  expect(firing(alert, under, at)).toBe(0)
})

test('no alert fires about the error rate while there are no requests', () => {
  expect(firing('ErrorRateHigh', [requests(200, 0)], '30m')).toBe(0)
})

test('no alert fires about a health check that is long ago, nor about one that never was', () => {
  expect(firing('HealthCheckFails', look(0, 31), '30m')).toBe(0)
  expect(firing('HealthCheckFails', [], '30m')).toBe(0)
})

test('of two that look at the certificate, the one that sees it end first is believed', () => {
  expect(firing('CertificateExpires', [pushedEnd(80), probedEnd(13)], '90m')).toBe(1)
  expect(firing('CertificateExpires', [probedEnd(15)], '90m')).toBe(0)
})

test('an environment of which nothing is seen at all is down', () => {
  expect(firing('ServiceDown', [], '30m')).toBe(1)
})

/** How many alerts of that name fire, by promtool: it is told that none does, and says what it got instead. */
function firing(alert: string, series: Series[], at: string): number {
  const file = join(folder, 'test.yml')
  writeFileSync(
    file,
    stringify({
      rule_files: ['rules.yml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: series,
          alert_rule_test: [{ eval_time: at, alertname: alert, exp_alerts: [] }],
        },
      ],
    }),
  )
  try {
    execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8', stdio: 'pipe' })
    return 0
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    const got = /got:\[([^]*?)\]\s*$/m.exec(`${stdout}${stderr}`)?.[1]
    if (got === undefined) throw error
    return got.match(/alertname="/g)?.length ?? 0
  }
}
