import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isExpected } from '../../outcome/errors.ts'
import type { Evidence, Outcome } from '../../outcome/outcome.ts'
import { openGrafana } from '../../integrations/observability/grafana.ts'
import { dashboards } from '../../monitoring/dashboards.ts'
import { monitoringFiles, prometheusConfig, rulesPath, type MadeFile } from '../../monitoring/files.ts'
import { toGrafana } from '../../monitoring/panels.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, flag, type Fields, type Inputs } from '../step/inputs.ts'
import { checkPrometheus, checkPushgateway } from './monitoring-live.ts'
import type { Ports } from '../step/ports.ts'
import { runStep } from '../step/step.ts'
import { url } from '../step/url-input.ts'

export const monitoringSetupFields = {
  ...commonFields,
  'prometheus-url': url('Base URL of Prometheus, instead of the one that the runbook names.'),
  'grafana-url': url(
    'Base URL of Grafana, instead of the one that the runbook names. GRAFANA_TOKEN holds the token.',
  ),
  'dry-run': flag('Check everything, and write and upload nothing.', { default: 'false' }),
} satisfies Fields

export type MonitoringSetupInputs = Inputs<typeof monitoringSetupFields>

/** Each question to Prometheus or Grafana may take this long, milliseconds. */
const questionMs = 10_000

/**
 * Makes the alert rules and dashboards of an environment from its runbook, checks them with promtool and against the
 * running Prometheus, and uploads the dashboards to Grafana.
 */
export function monitoringSetup(
  environment: Environment,
  inputs: MonitoringSetupInputs,
  ports: Ports,
): Promise<Outcome> {
  const subject = { step: 'monitoring-setup', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'monitoring-incomplete', async watch => {
    const evidence: Evidence[] = []
    evidence.push(...place(environment, monitoringFiles(environment), inputs['dry-run']))
    evidence.push(...(await watch.time('promtool', () => checkFiles(environment, ports))))
    const prometheusUrl = inputs['prometheus-url'] || environment.monitoring.prometheus
    evidence.push(
      ...(await watch.time('prometheus', () => checkPrometheus(environment, prometheusUrl, ports))),
    )
    evidence.push(
      ...(await watch.time('pushgateway', () => checkPushgateway(environment.monitoring.pushgateway, ports))),
    )
    const grafanaUrl = inputs['grafana-url'] || environment.monitoring.grafana
    const token = ports.env['GRAFANA_TOKEN'] ?? ''
    if (token) ports.secrets.add(token)
    const upload = { url: grafanaUrl, token, dry: inputs['dry-run'] }
    evidence.push(...(await watch.time('grafana', () => uploadDashboards(environment, upload, ports))))
    const bad = evidence.filter(({ tone }) => tone === 'bad')
    const open = evidence.filter(({ tone }) => tone === 'warn')
    if (bad.length > 0) {
      return {
        status: 'failure',
        reason: 'monitoring-incomplete',
        summary: `The monitoring of ${environment.name} is not whole: ${bad[0]?.subject ?? ''} ${bad[0]?.finding ?? ''}`,
        next: 'Fix what is marked below, then run this again.',
        evidence,
      }
    }
    return {
      status: 'success',
      reason: inputs['dry-run'] ? 'dry-run' : 'done',
      summary: `The monitoring of ${environment.name} is in place${open.length > 0 ? `, as far as it could be seen (${open.length} not checked)` : ''}.`,
      evidence,
    }
  })
}

/** Writes what differs; in a dry run it only tells. */
function place({ root }: Environment, files: MadeFile[], dry: boolean): Evidence[] {
  return files.map(({ path, text }) => {
    const file = join(root, path)
    if (readIfThere(file) === text) return { subject: path, finding: 'is as the runbook says', tone: 'good' }
    if (dry) return { subject: path, finding: 'differs from what the runbook says', tone: 'warn' }
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return { subject: path, finding: 'written', tone: 'good' }
  })
}

async function checkFiles({ root, name }: Environment, { exec, env, signal }: Ports): Promise<Evidence[]> {
  const asked = [
    { path: prometheusConfig, args: ['check', 'config', prometheusConfig] },
    { path: rulesPath(name), args: ['check', 'rules', rulesPath(name)] },
  ].filter(({ path }) => readIfThere(join(root, path)) !== undefined)
  try {
    return await Promise.all(
      asked.map(async ({ path, args }): Promise<Evidence> => {
        const { code, stdout, stderr } = await exec.run('promtool', args, {
          env,
          cwd: root,
          signal,
          timeoutMs: 30_000,
        })
        if (code === 0) return { subject: path, finding: 'passes promtool', tone: 'good' }
        const detail = `${stdout}\n${stderr}`.trim()
        return { subject: path, finding: 'is refused by promtool', tone: 'bad', detail }
      }),
    )
  } catch (error) {
    signal.throwIfAborted()
    if (!isExpected(error)) throw error
    const finding = `could not be run, so no file was checked: ${error.message}. It comes with Prometheus.`
    return [{ subject: 'promtool', finding, tone: 'warn' }]
  }
}

async function uploadDashboards(
  environment: Environment,
  { url, token, dry }: { url: string; token: string; dry: boolean },
  { signal }: Ports,
): Promise<Evidence[]> {
  if (!url || !token) {
    const lacking = url ? 'GRAFANA_TOKEN is not set' : 'monitoring.grafana is not in the runbook'
    return [{ subject: 'Grafana', finding: `nothing was uploaded: ${lacking}`, tone: 'warn' }]
  }
  if (dry) return [{ subject: 'Grafana', finding: 'nothing was uploaded, as asked', tone: 'note' }]
  const grafana = openGrafana(url, token, questionMs, signal)
  try {
    const evidence: Evidence[] = []
    for (const dashboard of dashboards(environment)) {
      const where = await grafana.putDashboard(toGrafana(dashboard), 'Made from runbook.yml')
      evidence.push({ subject: `dashboard ${dashboard.name}`, finding: where, tone: 'good' })
    }
    return evidence
  } finally {
    grafana.close()
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
