import type { Measurement } from './measurement.ts'

/** One page with every figure beside its aim. */
export function renderPage(measurements: Measurement[]): string {
  const rows = measurements.map(
    ({ name, value, unit, versus, aim, met, note, at }) =>
      `<tr class="${met ? 'met' : 'missed'}"><td>${text(name)}<td class="figure">${value} ${text(unit)}<td>${text(versus)}<td>${text(aim)}<td>${met ? 'met' : 'not met'}<td>${text(note)}<td>${text(at.slice(0, 10))}`,
  )
  return `<!doctype html>
<meta charset="utf-8">
<title>runbook-actions: measurements</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem }
  table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .4rem .7rem; border-bottom: 1px solid #ddd }
  .figure { font-variant-numeric: tabular-nums; font-weight: 600 }
  .met td:nth-child(5) { color: #176f2c }
  .missed td:nth-child(5) { color: #b3261e }
</style>
<h1>Measurements</h1>
<p>Each figure and its peer's are from the same run, alternating, as medians.</p>
<table>
<tr><th>what<th>measured<th>beside<th>aim<th><th>note<th>on
${rows.join('\n')}
</table>
`
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
