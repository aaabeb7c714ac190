import { isExpected, messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import type { Baseline } from '../../release/baseline.ts'
import { warmUpsOf, type Entry, type Ledger } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Counts } from '../../smoke/run.ts'
import type { Suite } from '../../smoke/suite.ts'
import type { Target } from '../../targets/target.ts'
import { gatePorts } from './gate-ports.ts'
import type { Ports } from '../step/ports.ts'
import { recallVerification, type Recorded, type RecordedSuite } from './recorded-verification.ts'

/** Whether a release that was restored, or found unfinished, is healthy. */
export interface Verified {
  /** `unverified`: it could not be measured, which is never taken for a pass. */
  verdict: 'healthy' | 'unhealthy' | 'unverified'
  evidence: Evidence[]
}

/** Which release is verified, and what is known of it. */
export interface Subject {
  release: Entry
  ledger: Ledger
  /** How the service was before, for what a release may be slow by. */
  baseline: Baseline | undefined
}

/**
 * Gates the release that is live; then, when it is healthy, sends its smoke suite. It is judged by the verification that
 * is recorded with it: the checkout at hand may be of another version. No load is sent: a service that was just restored
 * has enough to do.
 */
export async function verify(
  environment: Environment,
  ports: Ports,
  target: Target,
  subject: Subject,
): Promise<Verified> {
  const { release } = subject
  const recorded = await recallVerification(target, release).catch((error: unknown): Recorded => {
    ports.signal.throwIfAborted()
    if (!isExpected(error)) throw error
    return { kind: 'none', why: `the one that is recorded with it cannot be read: ${messageOf(error)}` }
  })
  const plan = planFor(environment, release, recorded)
  if (plan.environment.url === '') {
    const finding = 'the runbook names no url for this environment, so nothing was probed'
    return { verdict: 'unverified', evidence: [{ subject: 'gate', finding, tone: 'warn' }] }
  }
  const told: Evidence = { subject: 'verification', finding: plan.finding, tone: 'note' }
  const gated = await orUnverified('gate', ports, () => gate(plan, ports, target, subject))
  const evidence = [told, ...gated.evidence]
  const { suite } = plan
  if (gated.verdict !== 'healthy' || !suite) return { ...gated, evidence }
  const smoked = await orUnverified('smoke test', ports, () => smoke(plan.environment, suite, ports))
  return { verdict: smoked.verdict, evidence: [...evidence, ...smoked.evidence] }
}

/** What a release is judged by. */
interface Plan {
  /** With the url and the gate that apply. */
  environment: Environment
  /** `recorded`: all that it passed; `liveness`: what any release has to do. */
  gate: 'recorded' | 'liveness'
  /** Undefined when no request is sent. */
  suite: { read: () => Promise<Suite>; counts: Counts } | undefined
  /** One line: by what it is judged, and why. */
  finding: string
}

/**
 * A release has to pass again what it has passed, and one that is to be recorded good all that is planned for it. Of what
 * it never passed only that counts which no release may do: not to answer, or to fail by itself. So it is with a release
 * that nothing is recorded with, as one that another tool had deployed: the runbook at hand is of another version.
 */
function planFor(environment: Environment, release: Entry, recorded: Recorded): Plan {
  const name = `${release.version} (${release.id})`
  if (recorded.kind === 'none') {
    const { root, smoke } = environment
    const requests =
      smoke.suite === '' ? '' : `, and to the requests of ${smoke.suite} without an error of its own`
    return {
      environment,
      gate: 'liveness',
      suite:
        smoke.suite === ''
          ? undefined
          : {
              read: async () => (await import('../../smoke/suite.ts')).loadSuite(root, smoke.suite),
              counts: 'down',
            },
      finding: `${name} has no verification of its own (${recorded.why}): it has to answer at those paths of this runbook that it has${requests}`,
    }
  }
  const { url, redirectsTo = [], gate, prometheus, smoke } = recorded.verification
  const isPassed = release.gate === 'pass'
  const paths = [...new Set([...gate.paths, ...Object.keys(gate.expect)])].join(', ')
  const suite = suiteFor(release, smoke)
  const requests =
    smoke && suite ? `, and ${smoke.suite.requests.length} requests of ${smoke.suite.name}` : ''
  const how = isPassed ? 'is judged by its own verification' : 'has passed no gate, and has to answer'
  return {
    environment: {
      ...{ ...environment, url, redirectsTo, gate },
      monitoring: { ...environment.monitoring, prometheus },
    },
    gate: isPassed ? 'recorded' : 'liveness',
    suite,
    finding: `${name} ${how}: ${paths} of ${url}${requests}`,
  }
}

function suiteFor({ version, state, smoke }: Entry, recorded: RecordedSuite | undefined): Plan['suite'] {
  // A suite that was never chosen for this service asks for paths that it may not have.
  const isChosen = recorded !== undefined && (recorded.file !== '' || smoke === 'pass')
  if (!isChosen || smoke === 'fail') return undefined
  const of = `${recorded.file || 'the built-in suite'} of ${version}`
  return {
    read: async () => (await import('../../smoke/suite.ts')).suiteOf(recorded.suite, of),
    counts: smoke === 'pass' || state !== 'good' ? 'all' : 'down',
  }
}

async function gate(
  plan: Plan,
  ports: Ports,
  target: Target,
  { ledger, baseline }: Subject,
): Promise<Verified> {
  const [{ planGate, planLiveness }, { watch }] = await Promise.all([
    import('../../gate/plan.ts'),
    import('../../gate/run.ts'),
  ])
  const started = { baseline, warmUpsMs: warmUpsOf(ledger) }
  const planned =
    plan.gate === 'recorded'
      ? planGate(plan.environment, {}, started)
      : planLiveness(plan.environment, started)
  const { verdict, evidence } = await watch(planned, gatePorts(ports, target))
  const words = { pass: 'healthy', fail: 'unhealthy', inconclusive: 'unverified' } as const
  return { verdict: words[verdict], evidence }
}

async function smoke(
  { url, redirectsTo = [] }: Environment,
  { read, counts }: NonNullable<Plan['suite']>,
  ports: Ports,
): Promise<Verified> {
  const { runRestored } = await import('../../smoke/run.ts')
  const { failed, evidence } = await runRestored({ url, redirectsTo }, await read(), counts, ports)
  return { verdict: failed === 0 ? 'healthy' : 'unhealthy', evidence }
}

/** What keeps a measurement from being made says nothing about the release; it is reported as evidence. */
async function orUnverified(subject: string, ports: Ports, work: () => Promise<Verified>): Promise<Verified> {
  try {
    return await work()
  } catch (error) {
    ports.signal.throwIfAborted()
    const finding = `could not be made: ${messageOf(error)}`
    if (isExpected(error))
      return {
        verdict: 'unverified',
        evidence: [{ subject, finding: `${finding} ${error.hint}`, tone: 'warn' }],
      }
    // A bug here must not hide what serves, which is known.
    const detail = error instanceof Error ? (error.stack ?? '') : ''
    const bug = { subject, finding, next: 'Report this with the stack.', detail, tone: 'bad' } as const
    return { verdict: 'unverified', evidence: [bug] }
  }
}
