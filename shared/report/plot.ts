import type { Plot, PlotPoint } from '../outcome/outcome.ts'

/** Heights of answers, from the fastest to the slowest. */
const heights = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/**
 * The probes as one line of text, in the order of time: how slow each was, `x` for one that failed, `?` for one that could
 * not be measured, `|` for the moment of the deploy.
 */
export function renderStrip({ before, after }: Plot): string {
  const most = slowest([...before, ...after])
  const marks = (points: PlotPoint[]) => points.map(point => mark(point, most)).join('')
  return before.length > 0 ? `${marks(before)}|${marks(after)}` : marks(after)
}

function mark({ ms, state }: PlotPoint, most: number): string {
  if (state !== 'good') return state === 'bad' ? 'x' : '?'
  const height = Math.round(((ms ?? 0) / most) * (heights.length - 1))
  return heights[height] ?? ''
}

/**
 * The probes as a chart of Mermaid, which GitHub draws in a job summary; it takes out an SVG. Mermaid has no upright line,
 * so the probes from before the deploy are a line of their own; one that failed is a bar.
 */
export function renderMermaid({ before, after, limitMs }: Plot): string {
  const all = [...before, ...after]
  const most = Math.max(slowest(all), limitMs ?? 0)
  const row = (value: (point: PlotPoint, index: number) => number) => `[${all.map(value).join(', ')}]`
  const failed = all.some(({ state }) => state === 'bad')
  // A line has a value at each place: one that was not answered has that of the one before.
  let last = 0
  const times = row(({ ms }) => (last = ms ?? last))
  const lines = [
    'xychart-beta',
    `  x-axis "${before.length > 0 ? `probes: ${before.length} before the deploy, ${after.length} after it` : 'probes'}" 1 --> ${all.length}`,
    `  y-axis "ms" 0 --> ${Math.max(1, most)}`,
    ...(failed ? [`  bar ${row(({ state }) => (state === 'bad' ? most : 0))}`] : []),
    `  line ${times}`,
    ...(limitMs === undefined ? [] : [`  line ${row(() => limitMs)}`]),
    ...(before.length > 0 ? [`  line ${row((_, index) => (index < before.length ? most : 0))}`] : []),
  ]
  return lines.join('\n')
}

const [width, height, edge] = [720, 120, 18]

/** The probes as a picture: times as a line, failures in red, the deploy as an upright line, the limit as a dashed one. */
export function renderSvg({ before, after, limitMs }: Plot): string {
  const all = [...before, ...after]
  const most = Math.max(slowest(all), limitMs ?? 0) * 1.1
  const step = width / Math.max(1, all.length)
  const x = (index: number) => round(index * step + step / 2)
  const y = (ms: number) => round(height - (ms / most) * height)
  const marks = all.flatMap(({ state }, index) => {
    if (state === 'good') return []
    const at = `x="${round(index * step)}" y="0" width="${round(Math.max(step, 1.5))}" height="${height}"`
    return `<rect class="${state}" ${at}><title>probe ${index + 1}: ${state === 'bad' ? 'failed' : 'not measured'}</title></rect>`
  })
  const deploy = round(before.length * step)
  const parts = [
    ...marks,
    ...lines(before, x, y),
    ...lines(after, index => x(before.length + index), y),
    ...(limitMs === undefined
      ? []
      : [
          `<line class="limit" x1="0" x2="${width}" y1="${y(limitMs)}" y2="${y(limitMs)}"/>`,
          `<text x="${width - 2}" y="${round(y(limitMs) - 3)}" text-anchor="end">limit ${limitMs} ms</text>`,
        ]),
    ...(before.length === 0
      ? []
      : [
          `<line class="deploy" x1="${deploy}" x2="${deploy}" y1="0" y2="${height}"/>`,
          `<text x="${deploy + 4}" y="${height - 5}">deploy</text>`,
        ]),
    `<line class="axis" x1="0" x2="${width}" y1="${height}" y2="${height}"/>`,
    `<text x="0" y="${height + 13}">${all.length} points, the slowest ${Math.round(slowest(all))} ms</text>`,
  ]
  const said = `${all.filter(({ state }) => state === 'bad').length} of ${all.length} points failed`
  return `<svg class="plot" viewBox="0 0 ${width} ${height + edge}" role="img" aria-label="${said}">${parts.join('')}</svg>`
}

/** A line for each stretch of probes that were answered. */
function lines(points: PlotPoint[], x: (index: number) => number, y: (ms: number) => number): string[] {
  const stretches: string[][] = [[]]
  for (const [index, { ms }] of points.entries()) {
    if (ms === null) stretches.push([])
    else stretches.at(-1)?.push(`${x(index)},${y(ms)}`)
  }
  return stretches.flatMap(each =>
    each.length > 1
      ? [`<polyline class="times" points="${each.join(' ')}"/>`]
      : each.map(point => `<circle class="times" r="1.5" cx="${point.replace(',', '" cy="')}"/>`),
  )
}

function slowest(points: PlotPoint[]): number {
  return Math.max(1, ...points.map(({ ms }) => ms ?? 0))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
