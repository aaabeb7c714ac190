import type { Environment } from '../config/environment.ts'
import type { Dashboard, Panel, Query, Unit } from './panels.ts'
import {
  backupAge,
  errorRate,
  latency,
  ofSuite,
  restoreDuration,
  selector,
  throughput,
  usedShare,
  type Subject,
} from './queries.ts'

/** The guide's three dashboards of one environment: system, application, business. */
export function dashboards(environment: Environment): Dashboard[] {
  return [system(environment), application(environment), business(environment)]
}

/** CPU, memory and disk against the runbook's thresholds, and what the process itself needs. */
function system({ service, name, gate }: Environment): Dashboard {
  const subject = { service, environment: name }
  const share = (resource: 'cpu' | 'memory' | 'disk', title: string) =>
    graph(
      title,
      `Share in use; the line is the runbook's threshold.`,
      'percentunit',
      [{ expr: usedShare(resource, subject), legend: '{{instance}} of {{of}}' }],
      gate[resource],
    )
  return dashboard(subject, 'System', [
    share('cpu', 'CPU'),
    share('memory', 'Memory'),
    share('disk', 'Disk'),
    graph('Resident memory', 'Of the process.', 'bytes', [
      { expr: `process_resident_memory_bytes${selector(subject)}`, legend: '{{instance}}' },
    ]),
    graph('Event loop delay', 'How late timers come: what every request waits for.', 's', [
      {
        expr: `nodejs_eventloop_delay_seconds${selector(subject, 'quantile="0.99"')}`,
        legend: '{{instance}} p99',
      },
    ]),
    graph(
      'Database connections',
      'A request that waits for one is slow whatever the database does.',
      'short',
      [{ expr: `sum by (state) (runbook_database_connections${selector(subject)})`, legend: '{{state}}' }],
    ),
  ])
}

/** What users feel: response time, error rate, throughput; and what the service depends on. */
function application({ service, name, gate, backup }: Environment): Dashboard {
  const subject = { service, environment: name }
  return dashboard(subject, 'Application', [
    graph(
      'Response time',
      'Half, 95% and 99% of the requests are answered within this.',
      's',
      [0.5, 0.95, 0.99].map(quantile => ({ expr: latency(quantile, subject), legend: `p${quantile * 100}` })),
      gate.latencyMs > 0 ? gate.latencyMs / 1000 : undefined,
    ),
    graph(
      'Error rate',
      'Share of the requests that ended in 5xx; the line is what a release may have.',
      'percentunit',
      [{ expr: errorRate(subject), legend: '5xx' }],
      gate.errorRate,
    ),
    graph('Throughput', 'Requests a second, without probes.', 'reqps', [
      { expr: throughput(subject), legend: 'requests' },
    ]),
    graph('Requests in flight', 'Being answered at this moment.', 'short', [
      { expr: `sum by (instance) (http_requests_in_flight${selector(subject)})`, legend: '{{instance}}' },
    ]),
    graph('Dependencies', '1 answers, 0 does not.', 'short', [
      { expr: `min by (dependency) (runbook_dependency_up${selector(subject)})`, legend: '{{dependency}}' },
    ]),
    value('Version', 'What each instance runs.', 'short', [
      {
        expr: `count by (version, release) (runbook_build_info${selector(subject)})`,
        legend: '{{version}} {{release}}',
      },
    ]),
    ...(backup
      ? [
          value(
            'Age of the newest verified backup',
            'Red when it is older than the RPO.',
            's',
            [{ expr: backupAge(subject), legend: 'age' }],
            backup.rpoMs / 1000,
          ),
          value(
            'Duration of the last restore',
            'Red when it took longer than the RTO.',
            's',
            [{ expr: restoreDuration(subject), legend: 'duration' }],
            backup.rtoMs / 1000,
          ),
        ]
      : []),
    value('Last deploy', 'How long it took, by how it ended.', 's', [
      { expr: `runbook_step_duration_seconds${ofSuite(subject, 'step="deploy"')}`, legend: '{{status}}' },
    ]),
  ])
}

/** Active users and calls of the API. */
function business({ service, name }: Environment): Dashboard {
  const subject = { service, environment: name }
  const calls = `runbook_api_calls_total${selector(subject)}`
  return dashboard(subject, 'Business', [
    graph('Active users', 'Seen in the last 15 minutes.', 'short', [
      { expr: `max(runbook_active_users${selector(subject)})`, legend: 'users' },
    ]),
    graph('API calls', 'A second.', 'reqps', [{ expr: `sum(rate(${calls}[5m]))`, legend: 'calls' }]),
    value('API calls in 24 hours', 'Without those that watch the API.', 'short', [
      { expr: `sum(increase(${calls}[24h]))`, legend: 'calls' },
    ]),
  ])
}

function dashboard({ service, environment }: Subject, title: string, panels: Panel[]): Dashboard {
  const name = title.toLowerCase()
  return {
    name,
    id: `${service}-${environment}-${name}`,
    title: `${service} ${environment}: ${title}`,
    tags: ['runbook', service, environment],
    panels,
  }
}

function graph(title: string, description: string, unit: Unit, queries: Query[], alarm?: number): Panel {
  return { title, description, kind: 'timeseries', unit, queries, ...(alarm === undefined ? {} : { alarm }) }
}

function value(title: string, description: string, unit: Unit, queries: Query[], alarm?: number): Panel {
  return { title, description, kind: 'stat', unit, queries, ...(alarm === undefined ? {} : { alarm }) }
}
