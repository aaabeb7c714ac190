import type { Environment } from '../config/environment.ts'
import { showDuration } from '../config/values.ts'
import {
  backupAge,
  backupSnapshot,
  certificateEnd,
  errorRate,
  lastLook,
  latency,
  restoreDuration,
  selector,
  usedShare,
} from './queries.ts'

/** One alert as Prometheus takes it. */
export interface AlertRule {
  alert: string
  expr: string
  /** How long it must be true before the alert fires. */
  for: string
  labels: { severity: 'critical' | 'warning'; service: string; environment: string }
  annotations: { summary: string; description: string }
}

/** A rule file: what Prometheus reads from `rule_files`. */
export interface RuleFile {
  groups: { name: string; rules: AlertRule[] }[]
}

/** Certificates are renewed a month ahead by the usual robots: at two weeks one of them has failed twice. */
const certificateAheadDays = 14

/**
 * The alerts of one environment. Every threshold is the runbook's own: what the gate refuses in a release, an alert
 * reports of what serves.
 */
export function alertRules(environment: Environment): RuleFile {
  const { service, name, gate, backup, url } = environment
  const subject = { service, environment: name }
  const rule = (
    severity: 'critical' | 'warning',
    alert: string,
    [expr, lasting]: [expr: string, lasting: string],
    [summary, description]: [summary: string, description: string],
  ): AlertRule => ({
    alert,
    expr,
    for: lasting,
    labels: { severity, ...subject },
    annotations: { summary: `${service} in ${name}: ${summary}`, description },
  })

  const service_ = [
    rule(
      'critical',
      'ServiceDown',
      [`sum(up${selector(subject)} or vector(0)) == 0`, '1m'],
      [
        'no instance answers',
        `See what serves and why: runbook status ${name}; runbook logs ${name}. A bad release goes back with: runbook rollback ${name}`,
      ],
    ),
    rule(
      'warning',
      'InstanceDown',
      [`up${selector(subject)} == 0`, '2m'],
      [
        'instance {{ $labels.instance }} does not answer',
        `See what serves and why: runbook status ${name}; runbook logs ${name}.`,
      ],
    ),
    rule(
      'critical',
      'DependencyDown',
      [`min by (dependency) (runbook_dependency_up${selector(subject)}) == 0`, '1m'],
      [
        'the {{ $labels.dependency }} does not answer',
        `Run: runbook pre-deploy-check ${name}. It tells what cannot be reached, and the remedy.`,
      ],
    ),
    rule(
      'critical',
      'HealthCheckFails',
      [`(${lastLook(subject)}) == 0`, '0s'],
      [
        'the last health check failed',
        `See what it saw: runbook health-check ${name}. A bad release goes back with: runbook rollback ${name}`,
      ],
    ),
    rule(
      'critical',
      'ErrorRateHigh',
      [`${errorRate(subject)} > ${gate.errorRate}`, '2m'],
      [
        `more than ${percent(gate.errorRate)} of the requests fail ({{ $value | humanizePercentage }})`,
        `Look at: runbook logs ${name}. When it began with a release, go back: runbook rollback ${name}`,
      ],
    ),
    ...(gate.latencyMs > 0
      ? [
          rule(
            'warning',
            'LatencyHigh',
            [`${latency(0.95, subject)} > ${gate.latencyMs / 1000}`, '5m'],
            [
              `95% of the requests take more than ${showDuration(gate.latencyMs)} ({{ $value | humanizeDuration }})`,
              'Look at the application dashboard: which route, since when, with how many requests.',
            ],
          ),
        ]
      : []),
  ]
  const resources = (['memory', 'cpu', 'disk'] as const).map(resource =>
    rule(
      resource === 'disk' ? 'critical' : 'warning',
      `${resource[0]?.toUpperCase()}${resource.slice(1)}High`,
      [`${usedShare(resource, subject)} > ${gate[resource]}`, resource === 'disk' ? '1m' : '5m'],
      [
        `${resource} above ${percent(gate[resource])} on {{ $labels.instance }} ({{ $value | humanizePercentage }} of {{ $labels.of }})`,
        'Look at the system dashboard: since when, and whether it began with a release.',
      ],
    ),
  )
  const objectives = backup
    ? [
        rule(
          'critical',
          'BackupTooOld',
          [`${backupAge(subject)} > ${backup.rpoMs / 1000}`, '0s'],
          [
            `the newest verified backup is {{ $value | humanizeDuration }} old, older than the RPO of ${showDuration(backup.rpoMs)}`,
            `Take one now: runbook backup-db ${name}. Then see why the schedule did not.`,
          ],
        ),
        rule(
          'warning',
          'BackupUnknown',
          [`absent(${backupSnapshot(subject)})`, '1h'],
          [
            'nothing is known of its backups',
            'Name a Pushgateway in the runbook (monitoring.pushgateway), so that each backup tells when it was taken.',
          ],
        ),
        rule(
          'critical',
          'RestoreTooSlow',
          [`${restoreDuration(subject)} > ${backup.rtoMs / 1000}`, '0s'],
          [
            `the last restore took {{ $value | humanizeDuration }}, longer than the RTO of ${showDuration(backup.rtoMs)}`,
            'A restore in earnest would take as long. Restore in parallel, or to a faster server.',
          ],
        ),
      ]
    : []
  const ahead = certificateAheadDays * 86_400
  const certificates = url.startsWith('https://')
    ? [
        rule(
          'warning',
          'CertificateExpires',
          [`${certificateEnd(subject, url)} - time() < ${ahead}`, '1h'],
          [
            `the certificate of ${url} expires in {{ $value | humanizeDuration }}`,
            'Renew it now, and see why the renewal did not run by itself.',
          ],
        ),
        rule(
          'warning',
          'CertificateUnknown',
          [`absent(${certificateEnd(subject, url)})`, '1h'],
          [
            `nothing is known of the certificate of ${url}`,
            'Name a Pushgateway in the runbook (monitoring.pushgateway), and have health-watch.yml look at the service.',
          ],
        ),
      ]
    : []
  const group = (title: string, rules: AlertRule[]) => ({ name: `${service}-${name}-${title}`, rules })
  return {
    groups: [
      group('service', service_),
      group('resources', resources),
      group('objectives', [...objectives, ...certificates]),
    ].filter(({ rules }) => rules.length > 0),
  }
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`
}
