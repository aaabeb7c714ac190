import { renderLines } from './lines.ts'
import type { Beside, Measurement } from './measurement.ts'

/** One page with every figure beside its aim, and with bars where several were measured at the same thing. */
export function renderPage(measurements: Measurement[]): string {
  const plotted = measurements.flatMap(({ name, plot }) => (plot ? [{ name, plot }] : []))
  const charts = measurements.filter(({ beside = [] }) => beside.length > 0)
  return `<!doctype html>
<meta charset="utf-8">
<title>runbook-actions: measurements</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
  table { border-collapse: collapse; width: 100%; margin-bottom: 2rem }
  th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid #ddd; vertical-align: top }
  .figure { font-variant-numeric: tabular-nums; font-weight: 600 }
  .met td:nth-child(5) { color: #176f2c }
  .missed td:nth-child(5) { color: #b3261e }
  .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(22rem, 1fr)); gap: 1rem 2rem }
  .charts h3 { font-size: 1rem; margin: .5rem 0 }
  .bar { display: grid; grid-template-columns: 5rem 1fr; gap: .5rem; align-items: center }
  .bar span { white-space: nowrap; font-variant-numeric: tabular-nums }
  .bar i { display: inline-block; height: .8rem; margin-right: .5rem; background: #9aa4b2; vertical-align: -1px }
  .bar.ours i { background: #176f2c }
</style>
<h1>Measurements</h1>
<p>Each figure and its peer's are from the same run, alternating, as medians where the note gives a number of rounds.</p>
<table>
<tr><th>what<th>measured<th>beside<th>aim<th><th>note<th>on
${measurements.map(row).join('\n')}
</table>
${charts.length > 0 ? `<h2>Side by side</h2>\n<p>Bars are logarithmic: a fifth of the width is ten times as much.</p>\n<div class="charts">\n${charts.map(chart).join('\n')}\n</div>` : ''}
${plotted.length > 0 ? `<h2>Curves</h2>\n<div class="charts">\n${plotted.map(({ name, plot }) => `<div><h3>${text(name)}</h3>\n${renderLines(plot)}</div>`).join('\n')}\n</div>` : ''}
`
}

function row({ name, value, unit, versus, aim, met, note, at }: Measurement): string {
  return `<tr class="${met ? 'met' : 'missed'}"><td>${text(name)}<td class="figure">${value} ${text(unit)}<td>${text(versus)}<td>${text(aim)}<td>${met ? 'met' : 'not met'}<td>${text(note)}<td>${text(at.slice(0, 10))}`
}

function chart({ name, value, unit, beside = [], ours }: Measurement): string {
  const bar = (who: Beside, kind: string) =>
    `<div class="bar ${kind}">${text(who.name)}<span><i style="width:${width(who.value)}%"></i>${who.value} ${text(unit)}${who.says ? `: ${text(who.says)}` : ''}</span></div>`
  const bars = [
    bar({ name: 'ours', value, ...(ours ? { says: ours } : {}) }, 'ours'),
    ...beside.map(each => bar(each, '')),
  ]
  return `<div><h3>${text(name)}</h3>\n${bars.join('\n')}</div>`
}

/** Per cent of the chart: 1 is at its left edge, 1,000 at 60%, so that the figure has room. */
function width(value: number): number {
  return Math.round(Math.max(Math.log10(value), 0.05) * 20)
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
