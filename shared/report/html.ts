import type { Evidence, Outcome } from '../outcome/outcome.ts'
import { showDuration } from '../config/values.ts'
import { renderSvg } from './plot.ts'

const marks: Record<Evidence['tone'], string> = { good: '✓', warn: '!', bad: '✗', note: '·' }

/** It holds nothing that runs, loads or is sent, whatever others wrote into it. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

const style = `
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem; margin: 0 } .facts, footer { color: #6b7280 }
.summary { font-size: 1.1rem } .next { border-left: 3px solid #d97706; padding-left: .8rem }
table { border-collapse: collapse; width: 100% } td { border-bottom: 1px solid #8884; padding: .35rem .6rem; vertical-align: top }
td:first-child { width: 1rem; font-weight: 700 } td:nth-child(2) { white-space: nowrap }
.good { color: #15803d } .warn { color: #b45309 } .bad { color: #b91c1c } .note { color: #6b7280 }
pre { overflow: auto; max-height: 30rem; padding: .6rem; background: #8881; white-space: pre-wrap }
.plot { width: 100% } .plot text { font-size: 10px; fill: #6b7280 } .plot .times { fill: none; stroke: #2563eb; stroke-width: 1.2 }
.plot circle.times { fill: #2563eb } .plot .bad { fill: #dc262688 } .plot .gap { fill: #9ca3af66 }
.plot .limit { stroke: #d97706; stroke-dasharray: 4 3 } .plot .deploy { stroke: #111827; stroke-width: 1.5 } .plot .axis { stroke: #9ca3af }
@media (prefers-color-scheme: dark) { .plot .deploy { stroke: #f9fafb } }
`

/** An Outcome as a page of its own: to be kept as an artifact, or opened from `deployment/logs/`. */
export function renderHtml(outcome: Outcome): string {
  const { step, service, environment, status, reason, durationMs, startedAt, evidence, timings } = outcome
  const title = `${step} · ${service} · ${environment}`
  const facts = [
    reason,
    showDuration(durationMs),
    startedAt,
    outcome.cause && `cause ${outcome.cause}`,
    outcome.serving && `serving ${outcome.serving}`,
  ].filter(Boolean)
  const tone = { success: 'good', failure: 'bad', inconclusive: 'warn', skipped: 'note' }[status]
  const took = timings.map(({ phase, ms }) => `${phase} ${showDuration(ms)}`).join(' · ')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
<title>${text(title)}: ${status}</title>
<style>${style}</style>
<h1>${text(title)}: <span class="${tone}">${status}</span></h1>
<p class="facts">${text(facts.join(' · '))}</p>
<p class="summary">${text(outcome.summary)}</p>
${outcome.next ? `<p class="next">${text(outcome.next)}</p>\n` : ''}${evidence.length > 0 ? `<table>\n${evidence.map(row).join('\n')}\n</table>\n` : ''}${took ? `<footer>${text(took)}</footer>\n` : ''}</html>
`
}

function row({ tone, subject, finding, next, detail, plot }: Evidence): string {
  const more = [
    next ? `<p class="next">${text(next)}</p>` : '',
    plot ? renderSvg(plot) : '',
    detail ? `<details><summary>details</summary><pre>${text(detail.trimEnd())}</pre></details>` : '',
  ].join('')
  return `<tr><td class="${tone}">${marks[tone]}<td>${text(subject)}<td>${text(finding)}${more}`
}

function text(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
