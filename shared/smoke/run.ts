import { InputError } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import type { Clock } from '../platform/clock.ts'
import type { Log } from '../platform/log.ts'
import type { Secrets } from '../platform/secrets.ts'
import type { Environment } from '../runbook/environment.ts'
import { describeLoad, describeRequest } from './describe.ts'
import { sendLoad, type LoadResult } from './load.ts'
import type { Values } from './references.ts'
import { runSuite } from './run-suite.ts'
import { loadSuite, variablesOf, type Suite } from './suite.ts'

export interface SmokePorts {
  clock: Clock
  log: Log
  secrets: Secrets
  /** For what suites take from the environment: `${env:NAME}`. */
  env: Record<string, string | undefined>
  signal: AbortSignal
}

/** What a caller says instead of the runbook; undefined says nothing. */
export interface SmokeOverrides {
  url?: string | undefined
  suite?: string | undefined
  /** 0 sends no load. */
  requests?: number | undefined
  concurrency?: number | undefined
  /** Requests a second. */
  maxRate?: number | undefined
  /** Milliseconds; undefined when latency is not judged. */
  maxP95Ms?: number | undefined
  /** A share of 1. */
  maxErrorRate?: number | undefined
}

export interface SmokeResult {
  /** Requests of the suite, and the load as one. */
  passed: number
  failed: number
  /** Undefined when none was sent. */
  load: LoadResult | undefined
  evidence: Evidence[]
}

/** A load that production does not notice: the guide's 1000 requests take 5 s. */
const defaultMaxRate = 200
const defaultMaxErrorRate = 0.01

/**
 * Sends the suite, and then, when every request of it did well, the load.
 * @throws InputError when the suite is wrong, or a variable that it names is not there; nothing was sent then
 */
export async function runSmoke(
  environment: Environment,
  ports: SmokePorts,
  said: SmokeOverrides = {},
): Promise<SmokeResult> {
  const { log, clock, signal } = ports
  const url = said.url ?? environment.url
  if (url === '') {
    throw new InputError(`url is missing: the environment ${environment.name} has none in the runbook`, {
      hint: 'Set url to where the service is reached, like https://api.example.com.',
    })
  }
  const suite = loadSuite(environment.root, said.suite ?? environment.smoke.suite)
  const values = readVariables(suite, ports)
  log.info(`Sending ${suite.requests.length} requests of ${suite.name} to ${url}.`)
  const results = await runSuite(url, suite, values, signal)
  const evidence = results.map(describeRequest)
  const failed = results.filter(({ unmet }) => unmet.length > 0).length
  const passed = results.length - failed
  const plan = {
    url: url + suite.loadPath,
    requests: said.requests ?? environment.smoke.requests,
    concurrency: said.concurrency ?? environment.smoke.concurrency,
    maxRate: said.maxRate ?? defaultMaxRate,
    maxErrorRate: said.maxErrorRate ?? defaultMaxErrorRate,
  }
  if (plan.requests === 0) return { passed, failed, load: undefined, evidence }
  if (failed > 0) {
    const finding = 'not sent: an ill service gets no load on top'
    return {
      passed,
      failed,
      load: undefined,
      evidence: [...evidence, { subject: 'load', finding, tone: 'note' }],
    }
  }
  log.info(`Sending ${plan.requests} requests, ${plan.concurrency} at a time, to ${suite.loadPath}.`)
  const load = await sendLoad(plan, clock, signal)
  const described = describeLoad(plan, load, said.maxP95Ms)
  const well = described[0]?.tone === 'good'
  return {
    passed: passed + (well ? 1 : 0),
    failed: well ? 0 : 1,
    load,
    evidence: [...evidence, ...described],
  }
}

function readVariables(suite: Suite, { env, secrets }: SmokePorts): Values {
  const values: Values = {}
  for (const { name, where } of variablesOf(suite)) {
    const value = env[name]
    if (value === undefined || value === '') {
      throw new InputError(`${where} needs the environment variable ${name}, which is not set`, {
        hint: `Set ${name} in the env of the step, from a secret.`,
      })
    }
    secrets.add(value)
    values[`env:${name}`] = value
  }
  return values
}
