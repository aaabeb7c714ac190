import type { Evidence, Outcome, Status } from '../outcome/outcome.ts'
import { showDuration } from '../runbook/values.ts'

const statusMarks: Record<Status, string> = {
  success: '✅',
  failure: '❌',
  inconclusive: '❔',
  skipped: '⏭️',
}
const toneMarks: Record<Evidence['tone'], string> = { good: '✅', warn: '⚠️', bad: '❌', note: '' }

/** An Outcome for the job summary. Everything in it that somebody else wrote is escaped. */
export function renderMarkdown(outcome: Outcome): string {
  const { status, reason, step, environment, durationMs, evidence, timings } = outcome
  const parts = [
    `### ${statusMarks[status]} ${escape(step)} · ${escape(environment)}`,
    `**${escape(outcome.summary)}**`,
  ]
  if (outcome.next) parts.push(`➡️ ${escape(outcome.next)}`)
  const facts = [`\`${reason}\``, showDuration(durationMs)]
  if (outcome.serving) facts.push(`serving ${escape(outcome.serving)}`)
  parts.push(facts.join(' · '))
  if (evidence.length > 0) {
    const rows = evidence.map(
      ({ tone, subject, finding }) => `| ${toneMarks[tone]} | ${cell(subject)} | ${cell(finding)} |`,
    )
    parts.push(['| | what | finding |', '| --- | --- | --- |', ...rows].join('\n'))
  }
  for (const { subject, detail } of evidence) {
    if (detail) parts.push(`<details><summary>${escape(subject)}</summary>\n\n${fenced(detail)}\n</details>`)
  }
  if (timings.length > 0) {
    parts.push(
      `<sub>${timings.map(({ phase, ms }) => `${escape(phase)} ${showDuration(ms)}`).join(' · ')}</sub>`,
    )
  }
  return `${parts.join('\n\n')}\n\n`
}

function cell(text: string): string {
  return escape(text)
    .replaceAll('|', '\\|')
    .replace(/\s*\n\s*/g, ' ')
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/([\\`*_[\]])/g, '\\$1')
}

/** A fence longer than any in the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...Array.from(text.matchAll(/`+/g), match => match[0].length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text.trimEnd()}\n${fence}\n`
}
