import type { Evidence } from '../../outcome/outcome.ts'
import { openHttp } from '../../integrations/http/http.ts'
import { HttpFault } from '../../integrations/http/http-fault.ts'
import { openPrometheus, type Prometheus } from '../../integrations/observability/prometheus.ts'
import { dashboards } from '../../monitoring/dashboards.ts'
import { prometheusConfig, rulesPath } from '../../monitoring/files.ts'
import { alertRules } from '../../monitoring/rules.ts'
import type { Environment } from '../../config/environment.ts'
import type { Ports } from '../step/ports.ts'

/** Each question may take this long, milliseconds. */
const questionMs = 10_000

/** What a running Prometheus has of an environment: its targets, the very rules of the runbook, data for every panel. */
export async function checkPrometheus(
  environment: Environment,
  url: string,
  ports: Ports,
): Promise<Evidence[]> {
  if (!url) {
    const finding = 'is not named: set monitoring.prometheus in the runbook, or prometheus-url'
    return [{ subject: 'Prometheus', finding, tone: 'warn' }]
  }
  const token = ports.env['PROMETHEUS_TOKEN'] ?? ''
  if (token) ports.secrets.add(token)
  const prometheus = openPrometheus(
    url,
    token ? { authorization: `Bearer ${token}` } : {},
    questionMs,
    ports.signal,
  )
  try {
    return [
      ...(await checkTargets(environment, prometheus)),
      await checkRules(environment, prometheus),
      ...(await checkQueries(environment, prometheus)),
    ]
  } finally {
    prometheus.close()
  }
}

async function checkTargets({ service, name }: Environment, prometheus: Prometheus): Promise<Evidence[]> {
  const ours = (await prometheus.targets()).filter(each => each.job === service && each.environment === name)
  if (ours.length === 0) {
    const finding = `has no target with job="${service}" and environment="${name}": add it to ${prometheusConfig}, with metrics_path /api/v1/metrics`
    return [{ subject: 'Prometheus', finding, tone: 'bad' }]
  }
  return ours.map(({ instance, up, lastError }) => ({
    subject: `target ${instance}`,
    finding: up ? 'is up' : `is down: ${lastError || 'not scraped yet'}`,
    tone: up ? 'good' : 'bad',
  }))
}

/** The very rules: those of another environment bear the same names, and an older file other thresholds. */
async function checkRules(environment: Environment, prometheus: Prometheus): Promise<Evidence> {
  const loaded = new Map((await prometheus.rules()).map(rule => [`${rule.group} ${rule.name}`, rule]))
  const wanted = alertRules(environment).groups.flatMap(({ name, rules }) =>
    rules.map(({ alert, expr }) => ({ alert, expr, rule: loaded.get(`${name} ${alert}`) })),
  )
  const bad = (finding: string): Evidence => ({ subject: 'alert rules', finding, tone: 'bad' })
  const names = (rules: { alert: string }[]) => rules.map(({ alert }) => alert).join(', ')
  const file = rulesPath(environment.name)
  const missing = wanted.filter(({ rule }) => !rule)
  if (missing.length > 0)
    return bad(`are not loaded: ${names(missing)}. Name ${file} in rule_files, then reload Prometheus.`)
  const current = await Promise.all(
    wanted.map(async ({ expr, rule }) => bare(await prometheus.format(expr)) === bare(rule?.query ?? '')),
  )
  const stale = wanted.filter((_rule, at) => !current[at])
  if (stale.length > 0)
    return bad(
      `are loaded from an older file: ${names(stale)}. Give Prometheus ${file} as it is now, then reload it.`,
    )
  const broken = wanted.find(({ rule }) => rule?.lastError)
  if (broken) return bad(`cannot be evaluated: ${broken.alert}: ${broken.rule?.lastError ?? ''}`)
  return { subject: 'alert rules', finding: `${wanted.length} are loaded`, tone: 'good' }
}

function bare(query: string): string {
  return query.replace(/\s+/g, '')
}

/** Every query of every panel is asked once: one that Prometheus refuses would be an empty panel that goes unnoticed. */
async function checkQueries(environment: Environment, prometheus: Prometheus): Promise<Evidence[]> {
  return Promise.all(
    dashboards(environment).map(async ({ name, panels }): Promise<Evidence> => {
      const empty: string[] = []
      for (const { title, queries } of panels) {
        const found = await Promise.all(queries.map(({ expr }) => prometheus.query(expr)))
        if (found.every(samples => samples.length === 0)) empty.push(title)
      }
      const subject = `dashboard ${name}`
      if (empty.length === 0)
        return { subject, finding: `all ${panels.length} panels have data`, tone: 'good' }
      return { subject, finding: `no data yet for: ${empty.join(', ')}`, tone: 'note' }
    }),
  )
}

/** Without it nothing is known of backups, restores and certificates. */
export async function checkPushgateway(url: string, { signal }: Ports): Promise<Evidence[]> {
  if (url === '') return []
  const http = openHttp('fresh')
  try {
    const { status } = await http.request({ url: `${url}/-/ready`, timeoutMs: questionMs, signal })
    if (status === 200) return [{ subject: 'Pushgateway', finding: 'is ready', tone: 'good' }]
    return [{ subject: 'Pushgateway', finding: `answered HTTP ${status} at ${url}`, tone: 'bad' }]
  } catch (error) {
    if (!(error instanceof HttpFault)) throw error
    return [{ subject: 'Pushgateway', finding: error.message, tone: 'bad' }]
  } finally {
    http.close()
  }
}
