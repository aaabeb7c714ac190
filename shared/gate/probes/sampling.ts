import { isExpected, messageOf } from '../../outcome/errors.ts'
import { openPrometheus } from '../../integrations/observability/prometheus.ts'
import type { GatePlan } from '../plan.ts'
import type { GatePorts } from '../ports.ts'
import { openQuestions, type Questions } from './prometheus.ts'
import type { Seen } from '../statistics/seen.ts'

/** What is asked beside the probes, more seldom: its target about the workload, and Prometheus the queries. */
export interface Sampling {
  /** @throws InputError for a query that Prometheus cannot read */
  prepare(): Promise<void>
  once(seen: Seen, atMs: number): Promise<void>
  /** Asks again and again, until the signal is aborted. */
  run(seen: Seen, sinceStart: () => number, decide: () => void): Promise<void>
  close(): void
}

/** Samples in a window: four in its last third. */
const samples = 12
/** Neither an API server nor a Prometheus is asked more often than each second, nor more seldom than it scrapes. */
const [leastEveryMs, mostEveryMs] = [1_000, 15_000]
const questionMs = 5_000

/**
 * @param agoMs how old what Prometheus answers may be when this is prepared, milliseconds
 * @param signal ends what is under way
 */
export function openSampling(plan: GatePlan, ports: GatePorts, agoMs: number, signal: AbortSignal): Sampling {
  const { queries, forMs } = plan
  const { clock, env, vitals } = ports
  const token = env['PROMETHEUS_TOKEN'] ?? ''
  const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
  const prometheus =
    queries.length > 0 ? openPrometheus(plan.prometheus, headers, questionMs, signal) : undefined
  const everyMs = Math.min(mostEveryMs, Math.max(leastEveryMs, forMs / samples))
  let questions: Questions | undefined
  const once = async (seen: Seen, atMs: number) => {
    const [readings] = await Promise.all([questions?.ask(atMs), askWorkload(seen, atMs, vitals)])
    seen.readings.push(...(readings ?? []))
  }
  return {
    async prepare() {
      questions = prometheus && (await openQuestions(prometheus, queries, agoMs))
    },
    once,
    async run(seen, sinceStart, decide) {
      while (!signal.aborted) {
        await once(seen, sinceStart())
        decide()
        await clock.sleep(everyMs, signal)
      }
    },
    close: () => prometheus?.close(),
  }
}

async function askWorkload({ workload }: Seen, atMs: number, vitals: GatePorts['vitals']): Promise<void> {
  if (!vitals) return
  try {
    workload.push({ atMs, instances: await vitals() })
  } catch (error) {
    if (!isExpected(error)) throw error
    workload.push({ atMs, gap: `cannot be read: ${messageOf(error)}` })
  }
}
