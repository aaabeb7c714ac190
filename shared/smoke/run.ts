import { InputError } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import type { Clock } from '../host/clock.ts'
import type { Log } from '../host/log.ts'
import type { Secrets } from '../host/secrets/secrets.ts'
import { smokeDefaults, type Environment } from '../config/environment.ts'
import { showDuration } from '../config/values.ts'
import { describeLoad, describeRequest } from './describe.ts'
import { sendLoad, type LoadPlan, type LoadResult } from './load.ts'
import { fitsHeader, prepare } from './prepare.ts'
import type { Values } from './references.ts'
import { runSuite, type RequestResult, type Site } from './run-suite.ts'
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
  /** Milliseconds; 0 when latency is not judged. */
  maxP95Ms?: number | undefined
  /** A share of 1. */
  maxErrorRate?: number | undefined
  /** Milliseconds of the whole step; a load that cannot end within it, at its rate, is refused. */
  withinMs?: number | undefined
}

export interface SmokeResult {
  /** Name of the suite. */
  suite: string
  /** Requests of the suite, and the load as one. */
  passed: number
  failed: number
  results: RequestResult[]
  /** Undefined when none was sent. */
  load: LoadResult | undefined
  /** What is said of the load; empty when none was asked for. */
  loadEvidence: Evidence[]
  evidence: Evidence[]
}

/**
 * Sends the suite, and then, when every request of it did well, the load.
 * @throws InputError when the suite is wrong, or a variable that it names is not there; nothing was sent then
 */
export async function runSmoke(
  environment: Environment,
  ports: SmokePorts,
  said: SmokeOverrides = {},
): Promise<SmokeResult> {
  const url = said.url ?? environment.url
  if (url === '') {
    throw new InputError(`url is missing: the environment ${environment.name} has none in the runbook`, {
      hint: 'Set url to where the service is reached, like https://api.example.com.',
    })
  }
  const { suite, limits } = planSmoke(environment, said)
  const known = readVariables(suite, ports)
  ports.log.info(`Sending ${suite.requests.length} requests of ${suite.name} to ${url}.`)
  const redirectsTo = environment.redirectsTo ?? []
  const results = await runSuite({ url, redirectsTo }, suite, known, ports)
  const failed = results.filter(({ verdict }) => verdict !== 'met').length
  const loaded = await loadAfter(failed, { suite, known, url, limits }, ports)
  const ill = loaded.evidence.some(({ tone }) => tone === 'bad')
  return {
    suite: suite.name,
    passed: results.length - failed + (loaded.load && !ill ? 1 : 0),
    failed: failed + (ill ? 1 : 0),
    results,
    load: loaded.load,
    loadEvidence: loaded.evidence,
    evidence: [...results.map(describeRequest), ...loaded.evidence],
  }
}

/** What counts of the requests of a suite. */
export type Counts =
  /** Everything that is not as expected. */
  | 'all'
  /** No answer, or a status of 500 and above: for a release that never passed this suite, and may not know what it asks. */
  | 'down'

/**
 * Sends a suite to a release that was restored, and no load.
 * @throws InputError when a variable that the suite names is not there; nothing was sent then
 */
export async function runRestored(
  site: Site,
  suite: Suite,
  counts: Counts,
  ports: SmokePorts,
): Promise<{ failed: number; evidence: Evidence[] }> {
  const known = readVariables(suite, ports)
  ports.log.info(`Sending ${suite.requests.length} requests of ${suite.name} to ${site.url}.`)
  const results = await runSuite(site, suite, known, ports)
  const isFailed = ({ verdict, status = 0 }: RequestResult) =>
    counts === 'all' ? verdict !== 'met' : verdict === 'silent' || status >= 500
  return {
    failed: results.filter(isFailed).length,
    evidence: results.map(each => {
      const evidence = describeRequest(each)
      if (evidence.tone !== 'bad' || isFailed(each)) return evidence
      const { next: _aboutTheSuite, ...rest } = evidence
      return { ...rest, finding: `not counted: ${evidence.finding}`, tone: 'note' as const }
    }),
  }
}

/**
 * What is to be sent, as far as it is known without the secrets of a run.
 * @throws InputError that names file, line, key, what was found and what is accepted
 */
export function planSmoke(
  environment: Environment,
  said: SmokeOverrides = {},
): { suite: Suite; limits: Limits } {
  const suite = loadSuite(environment.root, said.suite ?? environment.smoke.suite)
  const limits = limitsOf(environment, said)
  refuseTooLong(limits, said.withinMs ?? Infinity)
  return { suite, limits }
}

type Limits = Pick<LoadPlan, 'requests' | 'concurrency' | 'maxRate' | 'maxErrorRate'> & { maxP95Ms: number }

/** What a caller says, else what the runbook says, else a load that production does not notice. */
function limitsOf({ smoke }: Environment, said: SmokeOverrides): Limits {
  return {
    requests: said.requests ?? smoke.requests,
    concurrency: said.concurrency ?? smoke.concurrency,
    maxRate: said.maxRate ?? smoke.maxRate ?? smokeDefaults.maxRate,
    maxErrorRate: said.maxErrorRate ?? smoke.maxErrorRate ?? smokeDefaults.maxErrorRate,
    maxP95Ms: said.maxP95Ms ?? smoke.maxP95Ms ?? smokeDefaults.maxP95Ms,
  }
}

function refuseTooLong({ requests, maxRate }: Limits, withinMs: number): void {
  const ms = (1_000 * requests) / maxRate
  if (ms < withinMs) return
  throw new InputError(
    `requests is ${requests}, which takes ${showDuration(ms)} at ${maxRate} a second; the step has ${showDuration(withinMs)}`,
    { hint: 'Ask for fewer requests, or set a longer timeout or a higher max-rate.' },
  )
}

async function loadAfter(
  failed: number,
  { suite, known, url, limits }: { suite: Suite; known: Values; url: string; limits: Limits },
  { log, clock, signal }: SmokePorts,
): Promise<{ load: LoadResult | undefined; evidence: Evidence[] }> {
  const none = (finding: string, tone: Evidence['tone']) => ({
    load: undefined,
    evidence: [{ subject: 'load', finding, tone }],
  })
  if (limits.requests === 0) return { load: undefined, evidence: [] }
  if (failed > 0) return none('not sent: an ill service gets no load on top', 'note')
  const prepared = prepare(suite.load, known)
  if ('obstacles' in prepared) return none(`not sent: ${prepared.obstacles.join(', ')}`, 'bad')
  const { path, headers } = prepared
  const plan = { ...limits, url: url + path, headers, timeoutMs: suite.load.timeoutMs }
  log.info(
    `Sending ${plan.requests} requests to ${suite.load.path}, ${plan.concurrency} at a time, at most ${plan.maxRate} a second.`,
  )
  const load = await sendLoad(plan, clock, signal)
  return { load, evidence: describeLoad(plan, load, limits.maxP95Ms) }
}

/**
 * What a suite takes from the environment; from then on it is kept out of what is told.
 * @throws InputError for a variable that is not there, or that no header can carry
 */
export function readVariables(suite: Suite, { env, secrets }: Pick<SmokePorts, 'env' | 'secrets'>): Values {
  const values: Values = {}
  for (const { name, where, inHeader } of variablesOf(suite)) {
    const value = env[name]
    if (value === undefined || value === '') {
      throw new InputError(`${where} needs the environment variable ${name}, which is not set`, {
        hint: `Set ${name} in the env of the step, from a secret.`,
      })
    }
    if (inHeader && !fitsHeader(value)) {
      throw new InputError(
        `${where}: the environment variable ${name} has a line break, or a character that no header can carry`,
        { hint: `Set ${name} to one line; a secret that was pasted often ends with a line break.` },
      )
    }
    secrets.add(value)
    values[`env:${name}`] = value
  }
  return values
}
