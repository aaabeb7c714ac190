import { isExpected, messageOf } from '../../outcome/errors.ts'
import type { Evidence, Outcome } from '../../outcome/outcome.ts'
import { createAside } from '../../host/aside.ts'
import { readCertificate } from '../../integrations/http/certificate.ts'
import { isWatched, type Environment } from '../../config/environment.ts'
import { healthGateFields, healthGateOutputs } from '../verify/health-gate.ts'
import { rememberByRuns, rememberInFile, type Health, type HealthMemory } from './health-memory.ts'
import { duration, flag, secret, type Fields, type Inputs, type Outputs } from '../step/inputs.ts'
import { look, type LookInputs } from '../inspect/look.ts'
import type { Ports, TargetPorts } from '../step/ports.ts'
import { watchHealth } from './watch-health.ts'

// What runs has warmed up: nothing is excused by having just started.
const { 'warm-up': _ofReleases, ...lookFields } = healthGateFields
const { interval: _betweenProbes, ...gateFields } = lookFields

/** At a terminal. How often it is probed within a look is the runbook's affair. */
export const healthCheckFields = {
  ...gateFields,
  environment: {
    ...gateFields.environment,
    required: false,
    description: 'Name of the environment in the runbook. Default: all of them, side by side.',
  },
  watch: flag('Look again and again until it is stopped, and tell every change.', { default: 'false' }),
  interval: duration('With watch: time from the start of one look to the start of the next.', {
    default: '10m',
  }),
} satisfies Fields

/** On a runner, started again and again by a schedule. */
export const healthWatchFields = {
  ...lookFields,
  'github-token': secret(
    'Token that may read the runs of this workflow: without it every look is the first, and no change is reported.',
    'a token with actions: read',
  ),
  job: {
    ...lookFields.environment,
    required: false,
    description:
      'Name of the job, by which its end in the run before is found. Default: `health ENVIRONMENT`.',
    accepts: 'the name that the workflow gives this job',
  },
} satisfies Fields

export const healthCheckOutputs = {
  ...healthGateOutputs,
  health: '`healthy`, `unhealthy` or `unknown`.',
  'health-changed': '`true` when it was otherwise the time before.',
  'certificate-expires': 'When the certificate of an https service ends, ISO 8601; empty when it has none.',
} satisfies Outputs

/**
 * One look at a service: is it well, and was it the time before? Unlike the gate it belongs to no release, and only a change
 * is news.
 */
async function healthCheck(
  environment: Environment,
  inputs: LookInputs,
  ports: TargetPorts,
  memory: HealthMemory,
): Promise<Outcome> {
  const url = inputs.url === '' ? environment.url : inputs.url
  const [gated, certificate] = await Promise.all([
    look(environment, inputs, ports),
    lookAtCertificate(url, ports),
  ])
  const health = healthOf(gated)
  // A look changes nothing, so that one that was cut short leaves nothing to do.
  if (health === undefined) return { ...gated, ...(gated.reason === 'cancelled' ? { next: '' } : {}) }
  const { before, notes } = await compare(memory, health)
  const changed = before === undefined ? health !== 'healthy' : !isSame(before, health)
  return {
    ...gated,
    next: gated.status === 'failure' ? whatToDo(environment.name, gated.evidence) : gated.next,
    evidence: [...gated.evidence, ...certificate.evidence, ...notes],
    outputs: {
      ...gated.outputs,
      health,
      'health-changed': String(changed),
      'certificate-expires': certificate.expires,
    },
  }
}

/** One look, or with `watch` one after the other; what it was the time before is remembered beside the logs. */
export function healthChecks(
  environment: Environment,
  { watch, interval, ...inputs }: Inputs<typeof healthCheckFields>,
  ports: TargetPorts,
  report: (outcome: Outcome) => Promise<void> | void,
): Promise<Outcome> {
  const memory = rememberInFile(environment.root, environment.name, ports.log)
  const check = () => healthCheck(environment, { ...inputs, interval: 0 }, ports, memory)
  return watch
    ? watchHealth(check, interval, ports, { report, repeat: measuring(environment, ports) })
    : check()
}

/** Gives what a look measured to those whom the runbook names; it is no news. */
function measuring(environment: Environment, ports: Ports): (outcome: Outcome) => Promise<void> {
  const aside = createAside(ports.log)
  return async outcome => {
    if (!isWatched(environment)) return
    await aside('What others are told', async () => {
      const { deliver } = await import('../../report/deliver.ts')
      await deliver(environment, outcome, 'run', ports)
    })
  }
}

/** One look of a workflow that a schedule starts again and again. */
export function healthWatch(
  environment: Environment,
  inputs: Inputs<typeof healthWatchFields>,
  ports: TargetPorts,
): Promise<Outcome> {
  const token = inputs['github-token']
  if (token) ports.secrets.add(token)
  const memory = rememberByRuns(token, inputs.job || `health ${environment.name}`, ports)
  return healthCheck(environment, inputs, ports, memory)
}

/** Undefined when nothing was looked at: an input is wrong, the look was cancelled. */
function healthOf({ status, reason }: Outcome): Health | undefined {
  if (status === 'success') return 'healthy'
  if (reason === 'gate-failed') return 'unhealthy'
  return reason === 'gate-inconclusive' || reason === 'deadline' ? 'unknown' : undefined
}

function isSame(before: Health | 'ill', now: Health): boolean {
  return before === 'ill' ? now !== 'healthy' : before === now
}

function whatToDo(environment: string, evidence: Evidence[]): string {
  const known = [...new Set(evidence.flatMap(({ next }) => next ?? []))].map(each => `${each} `).join('')
  return `${known}See what serves and why: runbook status ${environment}; runbook logs ${environment}. A bad release goes back with: runbook rollback ${environment}`
}

/** A memory that fails makes this look the first; it is told, and changes nothing of what was seen. */
async function compare(
  memory: HealthMemory,
  health: Health,
): Promise<{ before: Health | 'ill' | undefined; notes: Evidence[] }> {
  try {
    const before = await memory.recall()
    await memory.keep(health)
    return { before, notes: [] }
  } catch (error) {
    if (!isExpected(error)) throw error
    const finding = `how it was the time before is not known: ${messageOf(error)}`
    return { before: undefined, notes: [{ subject: 'memory', finding, tone: 'warn' }] }
  }
}

const handshakeMs = 5_000
const dayMs = 86_400_000
/** As the alert and the pre-deploy check have it: a robot that renews a month ahead has failed by then. */
const soonDays = 14

/** Whether clients accept it is the probes' affair; how long it lasts is told here, ahead of time. */
async function lookAtCertificate(
  url: string,
  { clock, signal }: Ports,
): Promise<{ expires: string; evidence: Evidence[] }> {
  if (!url.startsWith('https:')) return { expires: '', evidence: [] }
  try {
    const { validTo, subject } = await readCertificate(url, { timeoutMs: handshakeMs, signal })
    const expires = new Date(validTo).toISOString()
    const days = Math.floor((validTo - clock.now()) / dayMs)
    const left = days < 0 ? `expired on ${expires.slice(0, 10)}` : `has ${days} days left`
    const tone = days < soonDays ? 'warn' : 'good'
    return { expires, evidence: [{ subject: `certificate of ${subject}`, finding: left, tone }] }
  } catch (error) {
    if (!isExpected(error) && !signal.aborted) throw error
    return { expires: '', evidence: [] }
  }
}
