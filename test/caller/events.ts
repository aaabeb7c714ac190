import type { Outcome } from '../../shared/outcome/outcome.ts'

/**
 * One thing that the runner reported while it worked. `job` is the name that people read: `promote staging`; `id` of a step is
 * its `id` in the workflow, else its place, from 0.
 */
export type RunnerEvent =
  | { kind: 'step-started'; job: string; step: string; id: string; stage: 'Main' | 'Post' }
  | { kind: 'step-ended'; job: string; step: string; id: string; result: string; durationMs: number }
  | { kind: 'job-ended'; job: string; result: string }
  | { kind: 'output'; job: string; step: string; id: string; name: string; value: string }
  | { kind: 'mask'; job: string; value: string }
  | { kind: 'summary'; job: string; step: string; markdown: string }
  | { kind: 'log'; job: string; text: string }

/** The lines that act writes with `--json`, as far as we read them. */
interface ActLine {
  job?: string
  stage?: string
  step?: string
  /** From the outermost on; several in a composite action. */
  stepID?: string[]
  stepResult?: string
  jobResult?: string
  /** Nanoseconds. */
  executionTime?: number
  command?: string
  name?: string
  arg?: string
  content?: string
  msg?: string
}

/** What one line of `act --json` says. A line that is no JSON is text of act itself. */
export function readEvents(line: string): RunnerEvent[] {
  const said = parseLine(line)
  const job = said.job?.split('/').at(-1)?.trim() ?? ''
  const { stage, stepID = [] } = said
  const step = `${said.step ?? ''}${stage === 'Post' ? ' (post)' : ''}`
  const id = stepID.join('/')
  const text = (said.msg ?? '').trimEnd()
  const events: RunnerEvent[] = text === '' ? [] : [{ kind: 'log', job, text }]
  if (said.jobResult !== undefined) events.push({ kind: 'job-ended', job, result: said.jobResult })
  if (said.command === 'add-mask') events.push({ kind: 'mask', job, value: said.arg ?? '' })
  if (stage !== 'Main' && stage !== 'Post') return events
  if (said.stepResult !== undefined) {
    const durationMs = Math.round((said.executionTime ?? 0) / 1e6)
    events.push({ kind: 'step-ended', job, step, id, result: said.stepResult, durationMs })
  } else if (text.startsWith('⭐ Run ')) {
    events.push({ kind: 'step-started', job, step, id, stage })
  } else if (said.command === 'set-output') {
    events.push({ kind: 'output', job, step, id, name: said.name ?? '', value: said.arg ?? '' })
  } else if (said.command === 'summary') {
    events.push({ kind: 'summary', job, step, markdown: said.content ?? '' })
  }
  return events
}

/** The Outcome that an action put out, or undefined for any other event. */
export function outcomeOf(event: RunnerEvent): Outcome | undefined {
  if (event.kind !== 'output' || event.name !== 'outcome') return undefined
  return JSON.parse(event.value) as Outcome
}

function parseLine(line: string): ActLine {
  try {
    return JSON.parse(line) as ActLine
  } catch {
    return { msg: line }
  }
}
