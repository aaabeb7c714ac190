/*
 * What is asked of Prometheus about a service: PromQL over the metrics that the service itself puts out
 * (deployment/app/src/metrics.js is the reference) and those that this suite pushes after a step (report/metrics.ts).
 */

/** Selects the series of one service in one environment, as the scrape configuration labels them. */
export interface Subject {
  service: string
  environment: string
}

/** `{job="runbook-api",environment="production"}` with more matchers if need be. */
export function selector({ service, environment }: Subject, more = ''): string {
  return `{job="${service}",environment="${environment}"${more && `,${more}`}}`
}

/** The window over which rates are told: four scrapes of 15 s and more, so that one missed scrape leaves no hole. */
const window = '5m'

/** Share of CPU, memory or disk in use, of 1; the label `of` names the whole. */
export function usedShare(resource: 'cpu' | 'memory' | 'disk', subject: Subject): string {
  return `max by (instance, of) (runbook_${resource}_used_ratio${selector(subject)})`
}

/** Requests a second, without those that watch the service. */
export function throughput(subject: Subject): string {
  return `sum(rate(http_request_duration_seconds_count${served(subject)}[${window}]))`
}

/** Share of requests that ended in 5xx, of 1; 0 while there are no requests. */
export function errorRate(subject: Subject): string {
  const failed = `sum(rate(http_request_duration_seconds_count${served(subject, 'status=~"5.."')}[${window}]))`
  // In parentheses: a comparison that is put behind it would bind closer than `or`.
  return `((${failed} or vector(0)) / (${throughput(subject)} > 0) or vector(0))`
}

/** Seconds within which that share of the requests was answered. */
export function latency(quantile: number, subject: Subject): string {
  const buckets = `sum by (le) (rate(http_request_duration_seconds_bucket${served(subject)}[${window}]))`
  return `histogram_quantile(${quantile}, ${buckets})`
}

/** Requests without those of probes and scrapes, whose number says nothing of the users. */
function served(subject: Subject, more = ''): string {
  return selector(subject, ['route!~"/health|/ready|/api/v1/metrics"', more].filter(Boolean).join(','))
}

/** When the snapshot of the newest backup that was restored and compared was taken, seconds since 1970. */
export function backupSnapshot(subject: Subject): string {
  return `max(runbook_backup_snapshot_timestamp_seconds${ofSuite(subject)})`
}

/** Its age in seconds: what would be lost if the database were lost now. */
export function backupAge(subject: Subject): string {
  return `(time() - ${backupSnapshot(subject)})`
}

/** How long the newest restore took, of a drill or in earnest, seconds. */
export function restoreDuration(subject: Subject): string {
  return `max(runbook_restore_duration_seconds${ofSuite(subject)})`
}

/**
 * When the certificate of a service ends, seconds since 1970: as `health-watch` pushes it, or as a blackbox exporter that
 * probes the URL has it (https://github.com/prometheus/blackbox_exporter).
 */
export function certificateEnd(subject: Subject, url: string): string {
  return `min(runbook_certificate_expiry_timestamp_seconds${ofSuite(subject)} or probe_ssl_earliest_cert_expiry{instance="${url}"})`
}

/** 1 or 0, as the last look of `health-watch` found the service; nothing when that is longer ago than half an hour. */
export function lastLook(subject: Subject): string {
  const at = `runbook_step_end_timestamp_seconds${ofSuite(subject, 'step="health-check"')}`
  return `max(runbook_healthy${ofSuite(subject)}) and (time() - max(${at}) < 1800)`
}

/** What this suite pushes carries the service as a label: `job` is the suite's own there. */
export function ofSuite({ service, environment }: Subject, more = ''): string {
  return `{service="${service}",environment="${environment}"${more && `,${more}`}}`
}
