import type { Outcome } from '../../shared/outcome/outcome.ts'
import { showDuration } from '../../shared/config/values.ts'
import { outcomeOf, type RunnerEvent } from '../caller/events.ts'

/** Where the demo says what happens: every line with the time since it began. */
export interface Show {
  act(title: string): void
  line(text: string): void
  /** One line for each step that ends, and what the step itself says of its end. */
  event(event: RunnerEvent): void
}

/** @param write takes one line */
export function createShow(write: (line: string) => void, now: () => number): Show {
  const start = now()
  const line = (text: string) => {
    const seconds = (now() - start) / 1_000
    const minutes = String(Math.floor(seconds / 60)).padStart(2)
    write(`${minutes}:${(seconds % 60).toFixed(1).padStart(4, '0')}  ${text}`)
  }
  return {
    line,
    act(title) {
      write('')
      line(`== ${title}`)
    },
    event(event) {
      if (event.kind === 'step-ended') {
        const mark = { success: '+', failure: 'x', skipped: '-' }[event.result] ?? '?'
        const name = `${event.job.padEnd(20)} ${mark} ${event.step}`
        if (event.result !== 'skipped')
          line(`${name.padEnd(66)} ${showDuration(event.durationMs).padStart(8)}`)
      }
      const outcome = outcomeOf(event)
      if (outcome) for (const text of describe(outcome)) line(`${''.padEnd(22)} ${text}`)
    },
  }
}

function describe({ summary, status, evidence }: Outcome): string[] {
  const bad = status === 'success' ? [] : evidence.filter(({ tone }) => tone === 'bad').slice(0, 3)
  return [summary, ...bad.map(({ subject, finding }) => `  ${subject}: ${finding}`)]
}
