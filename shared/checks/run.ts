import { DeadlineError, isExpected, messageOf } from '../outcome/errors.ts'
import type { Environment } from '../config/environment.ts'
import { showDuration } from '../config/values.ts'
import { fail, skip, usualDeadlineMs, warn, type Check, type Finding, type CheckContext } from './check.ts'

/** What one check found out, and how long it took. */
export interface CheckReport extends Finding {
  id: string
  title: string
  ms: number
  /** It failed, and an operator accepted that for this reason: it stops nothing. */
  accepted?: string
}

/**
 * Runs checks side by side, each with its own deadline: together they take as long as the slowest.
 * @param mostMs milliseconds that no check may exceed, whatever its own deadline
 * @returns a report for each, in their order
 * @throws the signal's reason when the context's signal is aborted
 */
export async function runChecks(
  checks: readonly Check[],
  context: CheckContext,
  mostMs: number,
): Promise<CheckReport[]> {
  const { clock, signal } = context
  return Promise.all(
    checks.map(async check => {
      const start = clock.elapsed()
      const { id, title, deadlineMs = usualDeadlineMs } = check
      const found = notAsked(check, context) ?? (await settled(check, context, Math.min(deadlineMs, mostMs)))
      signal.throwIfAborted()
      return { ...accept(id, found, context), id, title, ms: Math.round(clock.elapsed() - start) }
    }),
  )
}

function notAsked(check: Check, { environment, skipped }: CheckContext): Finding | undefined {
  const waiver = skipped.find(({ id }) => id === check.id)
  if (waiver) return skip(`left out as asked${waiver.reason === '' ? '' : `: ${waiver.reason}`}`)
  const why = check.inapplicable(environment)
  return why === '' ? undefined : skip(why)
}

/** A failure that is accepted stays visible: as a warning, with who answers for it. */
function accept(
  id: string,
  found: Finding,
  { accepted, run }: CheckContext,
): Finding & Pick<CheckReport, 'accepted'> {
  const waiver = found.result === 'fail' ? accepted.find(each => each.id === id) : undefined
  if (!waiver) return found
  const finding = `failed, accepted by ${run.actor || 'an unknown actor'} (${waiver.reason}): ${found.finding}`
  return { ...warn(finding, found.remedy, found.detail), accepted: waiver.reason }
}

/** A check that does not heed its signal is left behind at its deadline. */
async function settled(check: Check, context: CheckContext, deadlineMs: number): Promise<Finding> {
  const late = new AbortController()
  const signal = AbortSignal.any([context.signal, late.signal])
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    timer = setTimeout(() => late.abort(overdue(deadlineMs, context.environment)), deadlineMs)
  })
  // One that throws at once is raced all the same: otherwise no code would handle the deadline.
  const start = context.clock.elapsed()
  const timeLeftMs = () => deadlineMs - (context.clock.elapsed() - start)
  const begin = async () => check.run({ ...context, signal, timeLeftMs })
  try {
    return await Promise.race([begin(), deadline])
  } catch (error) {
    if (isExpected(error)) return fail(error.message, error.hint)
    const stack = error instanceof Error ? (error.stack ?? '') : ''
    return fail(`the check itself failed: ${messageOf(error)}`, 'Report this with the stack.', stack)
  } finally {
    clearTimeout(timer)
  }
}

function overdue(deadlineMs: number, { target }: Environment): DeadlineError {
  const packets = 'a firewall that drops packets looks like this'
  return new DeadlineError(`no answer within ${showDuration(deadlineMs)}`, {
    hint:
      target.kind === 'process'
        ? `See whether pm2 answers here (pm2 ping), and what else is asked: ${packets}.`
        : `Check that this machine may reach what is asked: ${packets}.`,
  })
}
