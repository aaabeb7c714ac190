import type { Outcome } from '../outcome/outcome.ts'

/**
 * An Outcome in Prometheus' text format, without the labels of its group (service, environment, step): how it ended and
 * how long it took; and of a backup or a restore, what the alerts on RPO and RTO ask for.
 */
export function renderMetrics({ step, status, reason, durationMs, startedAt, outputs }: Outcome): string {
  const seconds = durationMs / 1000
  const started = Date.parse(startedAt) / 1000
  const lines = [
    ...gauge(
      'runbook_step_duration_seconds',
      'How long the step took.',
      `{status="${status}",reason="${reason}"}`,
      seconds,
    ),
    ...gauge('runbook_step_end_timestamp_seconds', 'When the step ended.', '', started + seconds),
  ]
  if (status === 'success' && step === 'backup-db' && outputs['verified'] === 'true') {
    // The snapshot is taken after the step's start: the age that is told is never too young.
    lines.push(
      ...gauge(
        'runbook_backup_snapshot_timestamp_seconds',
        'When the newest verified backup was taken.',
        '',
        started,
      ),
      ...gauge('runbook_backup_bytes', 'Its size as it is stored.', '', Number(outputs['bytes'])),
    )
  }
  if (outputs['restored-from'] && (step === 'restore-db' || step === 'drill'))
    lines.push(...gauge('runbook_restore_duration_seconds', 'How long the newest restore took.', '', seconds))
  if (outputs['health'] === 'healthy' || outputs['health'] === 'unhealthy')
    lines.push(
      ...gauge(
        'runbook_healthy',
        '1 when the last look found the service well.',
        '',
        outputs['health'] === 'healthy' ? 1 : 0,
      ),
    )
  if (outputs['certificate-expires'])
    lines.push(
      ...gauge(
        'runbook_certificate_expiry_timestamp_seconds',
        'When the certificate that the service shows ends.',
        '',
        Date.parse(outputs['certificate-expires']) / 1000,
      ),
    )
  return lines.join('')
}

function gauge(name: string, help: string, labels: string, value: number): string[] {
  return [`# HELP ${name} ${help}\n`, `# TYPE ${name} gauge\n`, `${name}${labels} ${value}\n`]
}
