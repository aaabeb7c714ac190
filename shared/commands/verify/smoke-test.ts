import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import { createAside } from '../../host/aside.ts'
import type { Environment } from '../../config/environment.ts'
import type { SmokeOverrides, SmokeResult } from '../../smoke/run.ts'
import { inTime } from '../step/in-time.ts'
import { lockFor } from '../promote/lock-for-input.ts'
import {
  commonFields,
  defaultTimeout,
  duration,
  path,
  percent,
  targetFields,
  whole,
  type Fields,
  type Inputs,
  type Outputs,
} from '../step/inputs.ts'
import type { TargetPorts } from '../step/ports.ts'
import { recordSuite, type RecordedSuite } from './recorded-verification.ts'
import { runStep } from '../step/step.ts'
import { watchRelease } from '../step/held-lock.ts'
import { url } from '../step/url-input.ts'

export const smokeTestFields = {
  ...commonFields,
  ...targetFields,
  url: url('Where the service is reached. Default: the url of the runbook.'),
  suite: path(
    "A suite of requests in YAML. Default: smoke.suite of the runbook, else the guide's endpoints.",
    'a path inside the repository',
  ),
  requests: whole(
    'Requests of the load; 0 sends none. Default: smoke.requests of the runbook, else 1000.',
    0,
    1_000_000,
    { short: 'n' },
  ),
  concurrency: whole(
    'Requests under way at the same time. Default: smoke.concurrency of the runbook, else 10.',
    1,
    1_000,
    { short: 'c' },
  ),
  'max-rate': whole(
    'Requests a second at most. Default: smoke.max-rate of the runbook, else 200.',
    1,
    1_000_000,
  ),
  'max-p95': duration(
    '95% of the answers have to come within this. Default: smoke.max-p95 of the runbook, else not judged.',
  ),
  'max-error-rate': percent(
    'Rate of failed requests above which the load fails, and ends at once. Default: smoke.max-error-rate of the runbook, else 1%.',
  ),
  junit: path('Where the results are written as JUnit XML, too.', 'a path inside the repository'),
  timeout: duration('How long the whole step may take.', { default: defaultTimeout }),
  'lock-for': lockFor(),
} satisfies Fields

export const smokeTestOutputs = {
  passed: 'How many requests of the suite, and the load as one, were as expected.',
  failed: 'How many of them were not.',
  rps: 'Requests a second of the load; empty when none was sent.',
  'p50-ms': 'Milliseconds within which half of the answers to the load came.',
  'p95-ms': 'Milliseconds within which 95% of them came.',
  'p99-ms': 'Milliseconds within which 99% of them came.',
  junit: 'Path of the JUnit XML; empty when none was asked for.',
} satisfies Outputs

export type SmokeTestInputs = Inputs<typeof smokeTestFields>

/** Sends a suite of requests and a bounded load, and writes the result onto this run's release. */
export function smokeTest(
  environment: Environment,
  inputs: SmokeTestInputs,
  ports: TargetPorts,
): Promise<Outcome> {
  return inTime(ports, inputs.timeout, timed => send(environment, inputs, timed))
}

function send(environment: Environment, inputs: SmokeTestInputs, ports: TargetPorts): Promise<Outcome> {
  const subject = { step: 'smoke-test', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'smoke-failed', async watch => {
    const { runSmoke } = await import('../../smoke/run.ts')
    const sent = await suiteSent(environment, inputs)
    const report = await openJUnit(environment, inputs, ports)
    const release = await watchRelease(ports)
    try {
      const startedAt = ports.clock.now()
      const watched = { ...ports, signal: release.signal }
      const result = await watch.time('requests', () => runSmoke(environment, watched, overridesOf(inputs)))
      await report(result, startedAt)
      const verdict = result.failed === 0 ? 'pass' : 'fail'
      const unwritten = await watch.time('ledger', () =>
        release.note({ smoke: verdict }, held =>
          verdict === 'pass' ? recordSuite(held, sent, ports.log) : Promise.resolve(),
        ),
      )
      await release.handOver(inputs['lock-for'])
      return conclude({ ...result, evidence: [...result.evidence, ...unwritten] }, inputs.junit)
    } catch (error) {
      ports.signal.throwIfAborted()
      release.signal.throwIfAborted()
      throw error
    } finally {
      release.abandon()
    }
  })
}

/** The suite as it is recorded with a release that passes it. @throws InputError when it is wrong */
async function suiteSent({ root, smoke }: Environment, inputs: SmokeTestInputs): Promise<RecordedSuite> {
  const { readSuite } = await import('../../smoke/suite.ts')
  const file = inputs.suite === '' ? smoke.suite : inputs.suite
  return { file, suite: readSuite(root, file) }
}

/** What a caller says instead of the runbook. */
export function overridesOf(inputs: SmokeTestInputs): SmokeOverrides {
  return {
    url: inputs.url === '' ? undefined : inputs.url,
    suite: inputs.suite === '' ? undefined : inputs.suite,
    requests: inputs.requests,
    concurrency: inputs.concurrency,
    maxRate: inputs['max-rate'],
    maxP95Ms: inputs['max-p95'] === 0 ? undefined : inputs['max-p95'],
    maxErrorRate: inputs['max-error-rate'],
    withinMs: inputs.timeout,
  }
}

/**
 * @returns writes the results as JUnit XML, where they are wanted; the smoke test ends as it does also when they cannot be
 * @throws InputError when the path is of no use
 */
async function openJUnit(
  { root, service, name, url: own }: Environment,
  { junit, url }: SmokeTestInputs,
  { clock, secrets, log }: TargetPorts,
): Promise<(result: SmokeResult, startedAt: number) => Promise<void>> {
  if (junit === '') return () => Promise.resolve()
  const { renderJUnit } = await import('../../smoke/junit.ts')
  const { openReport } = await import('../../report/files.ts')
  const write = openReport(root, 'junit', junit)
  return (result, startedAt) => {
    const head = {
      service,
      environment: name,
      url: url === '' ? own : url,
      startedAt: new Date(startedAt).toISOString(),
      seconds: (clock.now() - startedAt) / 1_000,
    }
    return createAside(log)('The JUnit XML', () =>
      write(renderJUnit(head, result, text => secrets.redact(text))),
    )
  }
}

function conclude({ passed, failed, load, evidence }: SmokeResult, junit: string): Conclusion {
  const number = (value: number | undefined) =>
    value === undefined || Number.isNaN(value) ? '' : value.toFixed(1)
  const outputs = {
    passed: String(passed),
    failed: String(failed),
    rps: number(load?.rps),
    'p50-ms': number(load?.percentiles.p50),
    'p95-ms': number(load?.percentiles.p95),
    'p99-ms': number(load?.percentiles.p99),
    junit,
  }
  if (failed === 0) {
    const pace = load
      ? `, p95 ${load.percentiles.p95.toFixed(1)} ms at ${load.rps.toFixed(0)} requests/s`
      : ''
    return {
      status: 'success',
      reason: 'done',
      summary: `All ${passed} requests of the smoke test were answered as expected${pace}.`,
      evidence,
      outputs,
    }
  }
  const [first] = evidence.filter(({ tone }) => tone === 'bad')
  return {
    status: 'failure',
    reason: 'smoke-failed',
    summary: `${failed} of ${passed + failed} requests of the smoke test failed: ${first?.subject ?? ''}: ${first?.finding ?? ''}.`,
    next: 'The rollback of this run brings the last good release back. Look at the failures below, and the log of the service.',
    evidence,
    outputs,
  }
}
