import { stringify } from 'yaml'
import type { Environment } from '../config/environment.ts'
import { dashboards } from './dashboards.ts'
import { toGrafana } from './panels.ts'
import { alertRules } from './rules.ts'

/** A file that is made from the runbook, and may be made again at any time. */
export interface MadeFile {
  /** Relative to the repository's root. */
  path: string
  text: string
}

/** Where the guide keeps Prometheus' configuration. Its `rule_files` should say `alerts.*.yml`. */
export const prometheusConfig = 'deployment/config/prometheus.yml'

export function rulesPath(environment: string): string {
  return `deployment/config/alerts.${environment}.yml`
}

/** The alert rules and the dashboards of one environment. */
export function monitoringFiles(environment: Environment): MadeFile[] {
  const { name } = environment
  const head = `# Made from runbook.yml: change the thresholds there, then run: runbook monitoring:setup ${name}\n`
  const rules = stringify(alertRules(environment), { lineWidth: 0 })
  return [
    { path: rulesPath(name), text: `${head}${rules}` },
    ...dashboards(environment).map(dashboard => ({
      path: `deployment/grafana/${name}-${dashboard.name}.json`,
      text: `${JSON.stringify(toGrafana(dashboard), null, 2)}\n`,
    })),
  ]
}
