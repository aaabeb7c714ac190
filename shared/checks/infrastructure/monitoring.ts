import type { Alert, ScrapeTarget } from '../../integrations/observability/prometheus.ts'
import type { Environment } from '../../config/environment.ts'
import { orSkip, type Check } from '../check.ts'
import { combine, type Part } from '../combine.ts'
import { askPrometheus } from './prometheus.ts'

const id = 'monitoring'

/** Prometheus sees the service, and nothing critical is going on: a release on top of it would hide what it is. */
export const monitoring: Check = {
  id,
  title: 'Prometheus answers, sees the service, and has no critical alert',
  inapplicable: ({ monitoring: { prometheus } }) =>
    prometheus === '' ? 'the runbook names no Prometheus (monitoring.prometheus)' : '',
  run: context =>
    orSkip(id, async () => {
      const { environment } = context
      const [targets, alerts] = await askPrometheus(context, prometheus =>
        Promise.all([prometheus.targets(), prometheus.alerts()]),
      )
      return combine('', [judgeTargets(environment, targets), ...judgeAlerts(environment, alerts)])
    }),
}

function judgeTargets({ service, name }: Environment, targets: ScrapeTarget[]): Part {
  const ours = targets.filter(({ job, environment }) => job === service && ['', name].includes(environment))
  const down = ours.filter(({ up }) => !up)
  const where = `job="${service}" and environment="${name}"`
  if (ours.length === 0)
    return {
      result: 'fail',
      finding: `Prometheus has no target with ${where}: how the release does would not be seen`,
      remedy:
        'Add the service to deployment/config/prometheus.yml; runbook monitoring:setup tells what is missing.',
    }
  if (down.length === ours.length)
    return {
      result: 'fail',
      finding: `Prometheus reaches none of ${ours.length} targets with ${where}: ${reasonOf(down[0])}`,
      remedy: 'Fix the scrape first (address, metrics_path, firewall); or the service, when it is down.',
    }
  if (down.length > 0)
    return {
      result: 'warn',
      finding: `${down.length} of ${ours.length} targets are down: ${reasonOf(down[0])}`,
      remedy: 'See whether these instances still exist, and why they do not answer.',
    }
  return { result: 'pass', finding: `${ours.length} of ${ours.length} targets are up`, remedy: '' }
}

function reasonOf(target: ScrapeTarget | undefined): string {
  if (!target) return ''
  return `${target.instance} ${target.lastError === '' ? 'was not scraped yet' : target.lastError}`
}

/** Alerts of other services and environments are not about this release; those without such labels are about all. */
function judgeAlerts({ service, name }: Environment, alerts: Alert[]): Part[] {
  const firing = alerts.filter(
    ({ state, labels }) =>
      state === 'firing' &&
      [undefined, service].includes(labels['service']) &&
      [undefined, name].includes(labels['environment']),
  )
  const of = (severities: string[]) =>
    firing.filter(({ labels }) => severities.includes(labels['severity'] ?? ''))
  const critical = of(['critical', 'page', 'emergency'])
  const warnings = of(['warning'])
  return [
    ...alertPart(
      'fail',
      critical,
      'Fix what it is about first: a release now would hide the cause. For a release that fixes it, add monitoring to accept.',
    ),
    ...alertPart('warn', warnings, 'Look at it before the release adds to it.'),
    ...(critical.length + warnings.length === 0
      ? [{ result: 'pass' as const, finding: 'no alert fires', remedy: '' }]
      : []),
  ]
}

function alertPart(result: 'fail' | 'warn', alerts: Alert[], remedy: string): Part[] {
  if (alerts.length === 0) return []
  const said = alerts.map(({ name, summary }) => (summary === '' ? name : `${name} (${summary})`))
  return [{ result, finding: `firing: ${said.join(', ')}`, remedy }]
}
