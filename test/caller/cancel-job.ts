import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { conditionOf, evaluate, isTrue, namesIn } from './github/expressions.ts'
import { childrenOf, isRunning, killAll, treeOf } from './processes.ts'

/** How long each stage of a cancellation lasts at most, in milliseconds. */
export interface CancelTimes {
  /** From SIGINT to SIGTERM. */
  interruptMs: number
  /** From SIGTERM until the whole tree of processes is killed. */
  terminateMs: number
  /** From the cancellation until what the job still runs is killed, whatever it is. */
  jobMs: number
}

/**
 * GitHub's. Source: actions/runner, ProcessInvoker (SIGINT, 7.5 s, SIGTERM, 2.5 s), and GitHub's documentation of canceling a
 * workflow run (5 minutes).
 */
export const githubCancelTimes: CancelTimes = { interruptMs: 7_500, terminateMs: 2_500, jobMs: 300_000 }

/** Whether a step goes on when its job is cancelled: its condition holds then, too. */
export function outlivesCancellation(condition: string | boolean | undefined): boolean {
  if (condition === undefined || condition === true) return false
  const expression = conditionOf(String(condition))
  const names = namesIn(expression)
  // What else such a condition asks held when the step began.
  if (!names.has('always') && !names.has('cancelled')) return false
  const status = { success: false, failure: false, cancelled: true }
  try {
    return isTrue(evaluate(expression, {}, status))
  } catch {
    return true
  }
}

/**
 * Ends the step that runs as GitHub's runner does: SIGINT, SIGTERM, and the end of its tree of processes. The runner learns of the
 * cancellation before it learns of that end.
 * @param runner process id of act
 * @param holdsSteps see Machine
 */
export async function cancelStep(
  runner: number,
  holdsSteps: string,
  { interruptMs, terminateMs }: CancelTimes,
  over: AbortSignal,
): Promise<void> {
  writeFileSync(holdsSteps, '')
  try {
    const steps = childrenOf(runner).flatMap(childrenOf)
    signal(steps, 'SIGINT')
    await ended(steps, interruptMs, over)
    signal(steps.filter(isRunning), 'SIGTERM')
    await ended(steps, terminateMs, over)
    killAll(steps.filter(isRunning).flatMap(treeOf))
    const held = childrenOf(runner)
    signal([runner], 'SIGINT')
    // Told that the job is cancelled, the runner kills what started the step.
    await ended(held, terminateMs, over)
  } finally {
    rmSync(holdsSteps, { force: true })
  }
}

function signal(ids: number[], name: NodeJS.Signals): void {
  for (const id of ids) {
    try {
      process.kill(id, name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

async function ended(ids: number[], withinMs: number, over: AbortSignal): Promise<void> {
  const deadline = performance.now() + withinMs
  while (ids.some(isRunning) && performance.now() < deadline && !over.aborted) await pause(20)
}
