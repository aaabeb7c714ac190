import type { Evidence, Outcome, Status } from '../outcome/outcome.ts'
import { oneLine } from '../outcome/printable.ts'
import { showDuration } from '../config/values.ts'
import { renderMermaid, renderStrip } from './plot.ts'

const statusMarks: Record<Status, string> = {
  success: '✅',
  failure: '❌',
  inconclusive: '❔',
  skipped: '⏭️',
}
const toneMarks: Record<Evidence['tone'], string> = { good: '✅', warn: '⚠️', bad: '❌', note: '' }

/** A step's summary may have 1 MiB; escaping can make a text five times as long. */
const mostBytes = 900 * 1024

/**
 * An Outcome for the job summary, with the longer texts folded. All text of others in it is escaped.
 */
export function renderMarkdown(outcome: Outcome): string {
  const { status, reason, step, environment, durationMs, evidence, timings } = outcome
  const parts = [
    `### ${statusMarks[status]} ${escape(step)} · ${escape(environment)}`,
    `**${escape(outcome.summary)}**`,
  ]
  if (outcome.next) parts.push(`➡️ ${escape(outcome.next)}`)
  const facts = [`\`${reason}\``, showDuration(durationMs)]
  if (outcome.cause) facts.push(`cause ${escape(outcome.cause)}`)
  if (outcome.serving) facts.push(`serving ${escape(outcome.serving)}`)
  parts.push(facts.join(' · '))
  if (evidence.length > 0) {
    parts.push(table(evidence))
  }
  for (const { plot } of evidence) {
    if (plot) parts.push(`\`\`\`mermaid\n${renderMermaid(plot)}\n\`\`\``, `\`${renderStrip(plot)}\``)
  }
  let left = mostBytes - Buffer.byteLength(parts.join())
  for (const { subject, detail } of evidence) {
    if (!detail) continue
    const part = `<details><summary>${escape(subject)}</summary>\n\n${fenced(detail)}\n</details>`
    left -= Buffer.byteLength(part)
    if (left >= 0) parts.push(part)
    else parts.push(`_${escape(subject)} is too long for here: it is in the log of this step._`)
  }
  if (timings.length > 0) {
    parts.push(
      `<sub>${timings.map(({ phase, ms }) => `${escape(phase)} ${showDuration(ms)}`).join(' · ')}</sub>`,
    )
  }
  return `${parts.join('\n\n')}\n\n`
}

/** With a column for what to do, where any of it says so. */
function table(evidence: Evidence[]): string {
  const advises = evidence.some(({ next }) => next)
  const row = (cells: string[]) => `| ${(advises ? cells : cells.slice(0, 3)).join(' | ')} |`
  const rows = evidence.map(({ tone, subject, finding, next = '' }) =>
    row([toneMarks[tone], cell(subject), cell(finding), cell(next)]),
  )
  return [row(['', 'what', 'finding', 'what to do']), row(['---', '---', '---', '---']), ...rows].join('\n')
}

function cell(text: string): string {
  return escape(text).replaceAll('|', '\\|')
}

/** On one line, so that nothing of it begins a block: a heading, a list, a fence. */
function escape(text: string): string {
  return oneLine(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replace(/([\\`*_[\]~$])/g, '\\$1')
}

/** A fence longer than any in the text. */
function fenced(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, each) => Math.max(most, each.length), 2)
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${text.trimEnd()}\n${fence}\n`
}
