import type { Evidence, Outcome } from '../outcome/outcome.ts'
import { showDuration } from '../config/values.ts'
import { renderStrip } from './plot.ts'

const marks: Record<Evidence['tone'], string> = { good: '+', warn: '!', bad: 'x', note: '-' }

/** An Outcome as lines for a log: the end first, then what to do, then the evidence. */
export function renderText(outcome: Outcome): string[] {
  const lines = [headOf(outcome), `  ${outcome.summary}`]
  if (outcome.cause) lines.push(`  Cause: ${outcome.cause}`)
  if (outcome.serving) lines.push(`  Serving: ${outcome.serving}`)
  if (outcome.next) lines.push(`  Next: ${outcome.next}`)
  const width = columnOf(outcome.evidence)
  for (const { subject, finding, tone, next, detail, plot } of outcome.evidence) {
    lines.push(`  ${marks[tone]} ${`${subject}:`.padEnd(width)} ${finding}`)
    if (plot) lines.push(`      ${renderStrip(plot)}`)
    if (next) lines.push(`    ${''.padEnd(width)} -> ${next}`)
    if (detail)
      lines.push(
        ...detail
          .trimEnd()
          .split('\n')
          .map(line => `      ${line}`),
      )
  }
  return [...lines, ...tookOf(outcome)]
}

/**
 * The end of several steps, each of which was reported as it ended: what happened and why, what is live now, what to do,
 * and how long each step took. It stands last, where it is read first.
 */
export function renderClosing(outcome: Outcome): string[] {
  const { summary, cause, serving, next } = outcome
  return [
    headOf(outcome),
    `  ${summary}`,
    ...(cause ? [`  Cause: ${cause}`] : []),
    ...(serving ? [`  Live now: ${serving}`] : []),
    ...(next ? [`  Next: ${next}`] : []),
    ...tookOf(outcome),
  ]
}

function headOf({ step, environment, status, reason, durationMs }: Outcome): string {
  const what = environment === '' ? step : `${step} ${environment}`
  return `${what}: ${status} (${reason}) in ${showDuration(durationMs)}`
}

function tookOf({ timings }: Outcome): string[] {
  if (timings.length === 0) return []
  return [`  Took: ${timings.map(({ phase, ms }) => `${phase} ${showDuration(ms)}`).join(', ')}`]
}

/** Evidence that says what to do about each is a table; any other is a list. */
function columnOf(evidence: Evidence[]): number {
  if (!evidence.some(({ next }) => next)) return 0
  return Math.max(...evidence.map(({ subject }) => subject.length + 1))
}
