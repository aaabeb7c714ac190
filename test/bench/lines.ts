import type { LinePlot } from './measurement.ts'

const [width, height] = [340, 200]
const margin = { left: 44, right: 14, top: 8, bottom: 34 }
const colours = ['#176f2c', '#b3261e', '#2563eb', '#b45309', '#7c3aed', '#0f766e', '#6b7280']

/** Curves over a common axis, each named below; an SVG that needs nothing else. */
export function renderLines({ x, y, series, limit }: LinePlot): string {
  const points = series.flatMap(each => each.points)
  const most = {
    x: Math.max(...points.map(([at]) => at)),
    y: Math.max(limit?.y ?? 0, ...points.map(([, v]) => v)) * 1.05,
  }
  const across = (value: number) =>
    round(margin.left + (value / most.x) * (width - margin.left - margin.right))
  const up = (value: number) =>
    round(height - margin.bottom - (value / most.y) * (height - margin.top - margin.bottom))
  const ticks = [0, 0.25, 0.5, 0.75, 1]
  const parts = [
    ...ticks.map(
      share =>
        `<line x1="${margin.left}" x2="${width - margin.right}" y1="${up(most.y * share)}" y2="${up(most.y * share)}" stroke="#eee"/>` +
        `<text x="${margin.left - 4}" y="${up(most.y * share) + 3}" text-anchor="end">${figure(most.y * share)}</text>` +
        `<text x="${across(most.x * share)}" y="${height - margin.bottom + 12}" text-anchor="middle">${figure(most.x * share)}</text>`,
    ),
    ...series.map(
      (each, index) =>
        `<polyline fill="none" stroke="${colours[index % colours.length]}" stroke-width="1.6" points="${each.points.map(([at, value]) => `${across(at)},${up(value)}`).join(' ')}"/>`,
    ),
    ...(limit
      ? [
          `<line x1="${margin.left}" x2="${width - margin.right}" y1="${up(limit.y)}" y2="${up(limit.y)}" stroke="#111" stroke-dasharray="4 3"/>`,
          `<text x="${width - margin.right}" y="${up(limit.y) - 3}" text-anchor="end">${text(limit.name)}</text>`,
        ]
      : []),
    `<text x="${(width + margin.left) / 2}" y="${height - 4}" text-anchor="middle">${text(x)}</text>`,
  ]
  const names = series
    .map(
      ({ name }, index) =>
        `<span style="color:${colours[index % colours.length]}">&#9632; ${text(name)}</span>`,
    )
    .join(' ')
  return `<svg viewBox="0 0 ${width} ${height}" font-size="9" fill="#555" role="img" aria-label="${text(y)}">${parts.join('')}</svg>
<p><small>${text(y)}. ${names}</small></p>`
}

function figure(value: number): string {
  return String(Number(value.toPrecision(2)))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
