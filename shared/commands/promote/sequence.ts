import { StrayError } from '../../outcome/errors.ts'
import type { Outcome } from '../../outcome/outcome.ts'
import type { Reason } from '../../outcome/reasons.ts'
import { createAside } from '../../host/aside.ts'
import type { Environment } from '../../config/environment.ts'
import type { TargetPorts } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

/** One step of a promotion: what it is called in reports, and what it does. */
export interface Step {
  name: string
  run: () => Promise<Outcome>
  /** How it ends when an input turns out to be wrong, where a release is there already. */
  unable?: [Outcome['status'], Reason]
}

/** Told of each step's end as it happens. */
export type Report = (outcome: Outcome) => Promise<void> | void

/** Takes what a step ended with, keeps it, and has it reported. */
export type Keep = (outcome: Outcome) => Promise<void>

/** A report that also keeps what it was told. Reporting never decides: whatever goes wrong in it, the release goes its way. */
export function collect(report: Report, { log }: TargetPorts): { taken: Outcome[]; keep: Keep } {
  const aside = createAside(log)
  const taken: Outcome[] = []
  const keep: Keep = outcome => {
    taken.push(outcome)
    return aside(`The report of ${outcome.step}`, () => report(outcome))
  }
  return { taken, keep }
}

/**
 * Runs steps until one does not succeed, or an error has reached no handler.
 * @returns how the last one that ran ended; undefined of no steps
 */
export async function inOrder(
  steps: Step[],
  environment: Environment,
  ports: TargetPorts,
  keep: Keep,
): Promise<Outcome | undefined> {
  let last: Outcome | undefined
  for (const step of steps) {
    last = await ending(step, environment, ports)
    await keep(last)
    if (!succeeded(last)) break
  }
  return last
}

/** Runs one step to its Outcome, whatever is thrown in it or beside it. */
export async function ending(
  { name, run, unable }: Step,
  { service, name: environment }: Environment,
  ports: TargetPorts,
): Promise<Outcome> {
  const running = async () => {
    if (ports.signal.reason instanceof StrayError) throw ports.signal.reason
    return run()
  }
  const ran = running()
  const subject = { step: name, service, environment }
  const outcome = await ran.catch(() => runStep(subject, ports, 'bug', () => ran))
  return unable ? unlessInvalid(outcome, ...unable) : outcome
}

/** "Nothing was touched" is not true any more once a release is there: an input that is found wrong then ends otherwise. */
export function unlessInvalid(outcome: Outcome, status: Outcome['status'], reason: Reason): Outcome {
  return outcome.reason === 'input-invalid' ? { ...outcome, status, reason } : outcome
}

/** The end of the whole, in the words of the step that decided; its evidence was reported with it. */
export function whole(step: string, decided: Outcome, taken: Outcome[]): Outcome {
  const timings = taken.map(each => ({ phase: each.step, ms: each.durationMs }))
  return {
    ...decided,
    step,
    startedAt: taken[0]?.startedAt ?? decided.startedAt,
    durationMs: timings.reduce((sum, { ms }) => sum + ms, 0),
    evidence: [],
    timings,
  }
}

/** Whether a step did what it is for; a failed check and an inconclusive gate did not. */
export function succeeded({ status }: Outcome): boolean {
  return status === 'success'
}
