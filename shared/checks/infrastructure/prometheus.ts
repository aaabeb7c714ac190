import { openPrometheus, type Prometheus } from '../../integrations/observability/prometheus.ts'
import type { CheckContext } from '../check.ts'

const questionMs = 10_000

/** Asks the Prometheus that the runbook names; PROMETHEUS_TOKEN is for what stands before it. */
export async function askPrometheus<T>(
  { environment, env, signal }: CheckContext,
  ask: (prometheus: Prometheus) => Promise<T>,
): Promise<T> {
  const token = env['PROMETHEUS_TOKEN'] ?? ''
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  const prometheus = openPrometheus(environment.monitoring.prometheus, headers, questionMs, signal)
  try {
    return await ask(prometheus)
  } finally {
    prometheus.close()
  }
}
