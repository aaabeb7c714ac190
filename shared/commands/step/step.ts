import {
  DeadlineError,
  InputError,
  isExpected,
  LeaseLostError,
  messageOf,
  OnHoldError,
  StrayError,
  ToolError,
} from '../../outcome/errors.ts'
import { printable } from '../../outcome/printable.ts'
import type { Conclusion, Evidence, Outcome, Timing } from '../../outcome/outcome.ts'
import type { Reason } from '../../outcome/reasons.ts'
import { bounded } from '../../report/bounds.ts'
import type { Ports } from './ports.ts'

/** Measures the parts of a step. */
export interface Stopwatch {
  time<T>(phase: string, work: () => Promise<T>): Promise<T>
}

/** What a step is about, known before it starts. */
export interface StepSubject {
  step: string
  service: string
  environment: string
}

/**
 * Runs a step to its Outcome: expected errors become failures with their reason, anything else is a bug and says so.
 * @param failure the reason when a tool fails and says no other
 */
export async function runStep(
  subject: StepSubject,
  ports: Ports,
  failure: Reason,
  work: (watch: Stopwatch) => Promise<Conclusion>,
): Promise<Outcome> {
  const { clock, secrets } = ports
  const [startedAt, start] = [new Date(clock.now()).toISOString(), clock.elapsed()]
  const timings: Timing[] = []
  const watch: Stopwatch = {
    async time(phase, part) {
      const from = clock.elapsed()
      try {
        return await part()
      } finally {
        timings.push({ phase, ms: Math.round(clock.elapsed() - from) })
      }
    },
  }
  let conclusion: Conclusion
  try {
    conclusion = await work(watch)
  } catch (error) {
    conclusion = concludeError(error, failure, ports.signal)
  }
  const outcome: Outcome = {
    next: '',
    serving: '',
    cause: '',
    evidence: [],
    outputs: {},
    ...subject,
    ...conclusion,
    timings,
    startedAt,
    durationMs: Math.round(clock.elapsed() - start),
  }
  // Cut before it is searched, and again after it: what is escaped is longer.
  return bounded(shown(bounded(outcome), text => secrets.redact(text)))
}

/** An error as the end of a step. */
export function concludeError(error: unknown, failure: Reason, signal: AbortSignal): Conclusion {
  if (signal.aborted && signal.reason instanceof StrayError) return concludeBug(signal.reason)
  if (signal.aborted && !(error instanceof InputError)) {
    const late = signal.reason instanceof DeadlineError
    return {
      status: 'failure',
      reason: late ? 'deadline' : 'cancelled',
      summary: late ? signal.reason.message : 'The step was cancelled.',
      next: late
        ? signal.reason.hint
        : 'The rollback or settle step of this run brings the environment to rest.',
    }
  }
  if (!isExpected(error)) return concludeBug(error)
  return {
    status: 'failure',
    reason: reasonOf(error, failure),
    summary: error.message,
    next: error.hint,
    evidence: error instanceof ToolError && error.stderr ? [stderrEvidence(error)] : [],
  }
}

function concludeBug(error: unknown): Conclusion {
  const origin = error instanceof StrayError ? error.cause : error
  const stack = origin instanceof Error ? (origin.stack ?? '') : ''
  return {
    status: 'failure',
    reason: 'bug',
    summary: `runbook-actions failed: ${messageOf(origin)}`,
    next: 'Report this with the stack below. The environment is settled by the next rollback or settle.',
    evidence: [{ subject: 'stack', finding: messageOf(origin), tone: 'bad', detail: stack }],
  }
}

function reasonOf(error: Error, failure: Reason): Reason {
  if (error instanceof InputError) return 'input-invalid'
  if (error instanceof DeadlineError) return 'deadline'
  if (error instanceof LeaseLostError) return 'lease-lost'
  if (error instanceof OnHoldError) return 'held'
  return (error instanceof ToolError ? error.reason : undefined) ?? failure
}

function stderrEvidence(error: ToolError): Evidence {
  const code = error.code === undefined ? '' : ` (${error.code})`
  return { subject: error.tool, finding: `said${code}:`, tone: 'bad', detail: error.stderr }
}

/** The outcome without secrets, and printable. Outputs are read by programs: they are redacted, and stay as they are. */
export function shown(outcome: Outcome, redact: (text: string) => string): Outcome {
  const { outputs, ...rest } = outcome
  const printed = mapTexts(rest, text => printable(redact(text)))
  return { ...printed, outputs: mapTexts(outputs, redact) }
}

function mapTexts<T>(value: T, change: (text: string) => string): T {
  return JSON.parse(JSON.stringify(value), (_key, each: unknown) =>
    typeof each === 'string' ? change(each) : each,
  ) as T
}
