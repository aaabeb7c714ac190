import { DeadlineError, isExpected, messageOf } from '../outcome/errors.ts'
import type { Environment } from '../runbook/environment.ts'
import { showDuration } from '../runbook/values.ts'
import { fail, skip, type Check, type CheckContext, type Finding } from './check.ts'

/** What one check found out, and how long it took. */
export interface CheckReport extends Finding {
  id: string
  title: string
  ms: number
}

/** A check that somebody wants left out. */
export interface Waiver {
  id: string
  /** Why; recorded with the result. Empty when nobody said. */
  reason: string
}

export interface CheckRun {
  waivers: Waiver[]
  /** Milliseconds that each check has. */
  deadlineMs: number
}

/**
 * Runs checks side by side, each with its own deadline: together they take as long as the slowest.
 * @returns a report for each, in their order
 * @throws the signal's reason when the context's signal is aborted
 */
export async function runChecks(
  checks: readonly Check[],
  context: CheckContext,
  { waivers, deadlineMs }: CheckRun,
): Promise<CheckReport[]> {
  const { clock, environment, signal } = context
  return Promise.all(
    checks.map(async check => {
      const start = clock.elapsed()
      const finding = notAsked(check, environment, waivers) ?? (await settled(check, context, deadlineMs))
      signal.throwIfAborted()
      const { id, title } = check
      return { ...finding, id, title, ms: Math.round(clock.elapsed() - start) }
    }),
  )
}

function notAsked(check: Check, environment: Environment, waivers: Waiver[]): Finding | undefined {
  const waiver = waivers.find(({ id }) => id === check.id)
  if (waiver) return skip(`left out as asked${waiver.reason === '' ? '' : `: ${waiver.reason}`}`)
  const why = check.inapplicable(environment)
  return why === '' ? undefined : skip(why)
}

/** A check that does not heed its signal is left behind at its deadline. */
async function settled(check: Check, context: CheckContext, deadlineMs: number): Promise<Finding> {
  const late = new AbortController()
  const signal = AbortSignal.any([context.signal, late.signal])
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    timer = setTimeout(() => late.abort(overdue(deadlineMs)), deadlineMs)
  })
  try {
    return await Promise.race([check.run({ ...context, signal }), deadline])
  } catch (error) {
    if (isExpected(error)) return fail(error.message, error.hint)
    const stack = error instanceof Error ? (error.stack ?? '') : ''
    return fail(`the check itself failed: ${messageOf(error)}`, 'Report this with the stack.', stack)
  } finally {
    clearTimeout(timer)
  }
}

function overdue(deadlineMs: number): DeadlineError {
  return new DeadlineError(`no answer within ${showDuration(deadlineMs)}`, {
    hint: 'Check that this machine may reach what is asked: a firewall that drops packets looks like this.',
  })
}
