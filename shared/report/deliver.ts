import { messageOf } from '../outcome/errors.ts'
import type { Outcome } from '../outcome/outcome.ts'
import { openGrafana, type Annotation } from '../platform/grafana.ts'
import type { Log } from '../platform/log.ts'
import { pushMetrics } from '../platform/pushgateway.ts'
import type { Environment } from '../runbook/environment.ts'
import { renderMetrics } from './metrics.ts'

/** Nobody waits longer for a monitoring system that is down, milliseconds. */
const deliveryMs = 5_000

/** What has to be known of the machine. */
export interface Sender {
  log: Log
  /** GRAFANA_TOKEN is read from it. */
  env: Record<string, string | undefined>
}

/**
 * Tells the monitoring systems that the runbook names how a step ended. A release does not fail because one of them
 * does: that is only warned of.
 */
export async function deliver(
  environment: Environment,
  outcome: Outcome,
  { log, env }: Sender,
): Promise<void> {
  const { pushgateway, grafana } = environment.monitoring
  const token = env['GRAFANA_TOKEN']
  const annotation = annotationOf(outcome)
  const sent = await Promise.allSettled([
    pushgateway ? push(pushgateway, outcome) : undefined,
    grafana && token && annotation ? annotate(grafana, token, annotation) : undefined,
  ])
  for (const each of sent) if (each.status === 'rejected') log.warn(messageOf(each.reason))
}

/** The mark of a step on the dashboards: the moments that people look for. Undefined when it changed nothing. */
export function annotationOf({ outputs, ...outcome }: Outcome): Annotation | undefined {
  const { step: what } = outcome
  const restored = what === 'drill' ? [] : [outputs['restored-release-id'], outputs['restored-from']]
  const changed = outputs['changed'] === 'true' || restored.some(Boolean)
  if (!changed) return undefined
  const { step, status, summary, service, environment, startedAt, durationMs } = outcome
  const from = Date.parse(startedAt)
  return {
    from,
    to: from + durationMs,
    tags: ['runbook', service, environment, step, status],
    text: summary,
  }
}

function push(url: string, outcome: Outcome): Promise<void> {
  const { service, environment, step } = outcome
  const group: Parameters<typeof pushMetrics>[1] = [
    ['job', 'runbook-actions'],
    ['service', service],
    ['environment', environment],
    ['step', step],
  ]
  return pushMetrics(url, group, renderMetrics(outcome), deliveryMs)
}

async function annotate(url: string, token: string, annotation: Annotation): Promise<void> {
  const grafana = openGrafana(url, token, deliveryMs, new AbortController().signal)
  try {
    await grafana.annotate(annotation)
  } finally {
    grafana.close()
  }
}
