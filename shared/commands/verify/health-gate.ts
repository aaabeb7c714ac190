import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import { warmUpsOf } from '../../release/ledger.ts'
import { mostWarmUpMs, type Environment, type GateSpec } from '../../config/environment.ts'
import type { GatePlan, Started } from '../../gate/plan.ts'
import type { GateResult } from '../../gate/run.ts'
import {
  commonFields,
  duration,
  optionalDuration,
  percent,
  targetFields,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'
import { inTime } from '../step/in-time.ts'
import { lockFor } from '../promote/lock-for-input.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep, type Stopwatch } from '../step/step.ts'
import { conditions } from '../check/conditions-input.ts'
import { gatePorts } from './gate-ports.ts'
import { url } from '../step/url-input.ts'
import { InputError } from '../../outcome/errors.ts'
import { showDuration } from '../../config/values.ts'
import { recordGate } from './recorded-verification.ts'
import { watchRelease } from '../step/held-lock.ts'

export const healthGateFields = {
  ...commonFields,
  ...targetFields,
  url: url('Where the service is reached. Default: the url of the runbook.'),
  for: duration('How long the service is watched. Default: gate.for of the runbook, else 1m.'),
  'warm-up': optionalDuration(
    'How long a release that was just started may be slow, or answer badly, before that counts; 0s: not at all. Default: gate.warm-up of the runbook, else twice what earlier releases took, from 20s to 2m.',
  ),
  interval: duration('Time from one probe to the next. Default: gate.interval of the runbook, else 500ms.'),
  memory: percent(
    'Memory in use that is too much; 100% is never. Default: gate.memory of the runbook, else 85%.',
  ),
  cpu: percent('CPU in use that is too much; 100% is never. Default: gate.cpu of the runbook, else 80%.'),
  disk: percent('Disk in use that is too much; 100% is never. Default: gate.disk of the runbook, else 90%.'),
  'error-rate': percent(
    'Rate of failed probes that is still well. Default: gate.error-rate of the runbook, else 1%.',
  ),
  latency: duration(
    '95% of the probes have to be answered within this. Default: gate.latency of the runbook, else what 95% took before the deploy, and 100ms at least.',
  ),
  'prometheus-url': url('Base URL of Prometheus. Default: monitoring.prometheus of the runbook.'),
  queries: conditions(
    'What has to hold of Prometheus, one a line: a name, PromQL, and what it has to be under or over. Default: gate.queries of the runbook.',
  ),
  timeout: duration(
    'How long the whole step may take. Default: 10m, or 5m more than `for` if that is longer.',
  ),
  'lock-for': lockFor(),
} satisfies Fields

export const healthGateOutputs = {
  verdict: '`pass`, `fail` or `inconclusive`.',
  probes: 'How many times the service was probed.',
  'failed-probes': 'How many of them saw something wrong.',
} satisfies Outputs

export type HealthGateInputs = Inputs<typeof healthGateFields>

/** Watches the service until it is certain whether it is well, and writes the verdict onto this run's release. */
export function healthGate(
  environment: Environment,
  inputs: HealthGateInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  const subject = { step: 'health-gate', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'gate-inconclusive', async watch => {
    const planned = await planGateOf(environment, inputs)
    return inTime(ports, planned.timeoutMs, timed => judge(planned, { environment, inputs }, watch, timed))
  })
}

async function judge(
  { planFor, spec }: PlannedGate,
  { environment, inputs }: Asked,
  watch: Stopwatch,
  ports: TargetPorts,
): Promise<Conclusion> {
  const release = await watchRelease(ports)
  try {
    const { target, open, ledger, signal } = release
    const { watch: watchService } = await import('../../gate/run.ts')
    const plan = planFor({ baseline: open?.baseline, warmUpsMs: ledger ? warmUpsOf(ledger) : [] })
    const watched = gatePorts({ ...ports, signal }, target)
    const result = await watch.time('probes', () => watchService(plan, watched))
    const { verdict: gate, warmUpMs } = result
    const unwritten = await watch.time('ledger', () =>
      release.note({ gate, ...(warmUpMs === undefined ? {} : { warmUpMs }) }, held =>
        gate === 'pass'
          ? recordGate(
              held,
              environment,
              { url: inputs.url, gate: spec, prometheus: plan.prometheus },
              ports.log,
            )
          : Promise.resolve(),
      ),
    )
    await release.handOver(inputs['lock-for'])
    return conclude({ ...result, evidence: [...result.evidence, ...unwritten] })
  } catch (error) {
    ports.signal.throwIfAborted()
    // The holder that has the environment now has also ended this watch, whatever it came upon.
    release.signal.throwIfAborted()
    throw error
  } finally {
    release.abandon()
  }
}

interface Asked {
  environment: Environment
  inputs: HealthGateInputs
}

/** A gate that can be run. */
interface PlannedGate {
  /** Makes the plan; for a release that was just started with what is known of it. */
  planFor: (started?: Started) => GatePlan
  /** The runbook's gate with what the inputs say instead: what a release that passes it has passed. */
  spec: GateSpec
  /** How long the whole step may take. */
  timeoutMs: number
}

/** What a step may take whose `timeout` is not given: as much as any other, or so much more than its window. */
const [ownMs, beyondMs] = [10 * 60_000, 5 * 60_000]

/**
 * What the inputs ask for, on top of the runbook.
 * @throws InputError when such a gate could not be run
 */
export async function planGateOf(environment: Environment, inputs: HealthGateInputs): Promise<PlannedGate> {
  const { gateAsSaid, planGate } = await import('../../gate/plan.ts')
  const said = {
    forMs: inputs.for,
    warmUpMs: inputs['warm-up'],
    intervalMs: inputs.interval,
    memory: inputs.memory,
    cpu: inputs.cpu,
    disk: inputs.disk,
    errorRate: inputs['error-rate'],
    latencyMs: inputs.latency,
    prometheus: inputs['prometheus-url'],
    queries: inputs.queries,
  }
  if (said.warmUpMs !== undefined && said.warmUpMs > mostWarmUpMs)
    throw InputError.of('warm-up', showDuration(said.warmUpMs), `at most ${showDuration(mostWarmUpMs)}`)
  const reached = { ...environment, url: inputs.url === '' ? environment.url : inputs.url }
  const planFor = (started?: Started) => planGate(reached, said, started)
  const spec = gateAsSaid(environment.gate, said)
  const { forMs } = planFor()
  const wholeMs = forMs + (spec.warmUpMs ?? 0)
  // A window may be extended by half of itself.
  const timeoutMs = inputs.timeout > 0 ? inputs.timeout : Math.max(ownMs, wholeMs + forMs / 2 + beyondMs)
  if (wholeMs >= timeoutMs) {
    const whole =
      spec.warmUpMs === undefined || spec.warmUpMs === 0
        ? `more than for, which is ${showDuration(forMs)}`
        : `more than for and warm-up together, which are ${showDuration(wholeMs)}`
    throw InputError.of('timeout', showDuration(timeoutMs), whole)
  }
  return { planFor, spec, timeoutMs }
}

/** A gate's result as the end of a step. */
export function conclude({
  verdict,
  probes,
  failed,
  because,
  warned,
  warmUpMs = 0,
  evidence,
}: GateResult): Conclusion {
  const outputs = { verdict, probes: String(probes), 'failed-probes': String(failed) }
  const thresholds =
    warned.length > 0 ? `with a warning of ${warned.join(', ')}` : 'and no threshold was crossed'
  const after = warmUpMs > 0 ? `, once it had warmed up for ${showDuration(warmUpMs)}` : ''
  switch (verdict) {
    case 'pass':
      return {
        status: 'success',
        reason: 'done',
        summary: `The service is healthy: ${failed} of ${probes} probes failed, ${thresholds}${after}.`,
        evidence,
        outputs,
      }
    case 'fail':
      return {
        status: 'failure',
        reason: 'gate-failed',
        summary: `The service is unhealthy: ${because}.`,
        next: [
          ...new Set(evidence.flatMap(({ next }) => next ?? [])),
          'The rollback of this run restores the last good release. Look at the failures below, and the log of the service.',
        ].join(' '),
        evidence,
        outputs,
      }
    case 'inconclusive':
      return {
        status: 'inconclusive',
        reason: 'gate-inconclusive',
        summary: `Whether the service is healthy could not be decided: ${because}.`,
        next: 'Fix what could not be measured, or watch for longer: set for to a longer time.',
        evidence,
        outputs,
      }
  }
}
