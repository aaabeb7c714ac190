import { describe, expect, test } from '@jest/globals'
import type { Outcome, Plot, PlotPoint } from '../../../shared/outcome/outcome.ts'
import { renderHtml } from '../../../shared/report/html.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { renderMermaid, renderStrip, renderSvg } from '../../../shared/report/plot.ts'
import { renderText } from '../../../shared/report/text.ts'

const good = (ms: number): PlotPoint => ({ ms, state: 'good' })
const failed: PlotPoint = { ms: null, state: 'bad' }
const plot: Plot = {
  before: [good(10), good(12)],
  after: [good(70), failed, { ms: null, state: 'gap' }, good(35)],
  limitMs: 100,
}

const outcome: Outcome = {
  step: 'health-gate',
  service: 'runbook-api',
  environment: 'production',
  status: 'failure',
  reason: 'gate-failed',
  summary: 'The service is not well: 1 of 4 probes failed.',
  next: 'Look at <it>.',
  serving: '',
  cause: '',
  evidence: [{ subject: 'errors', finding: '1 of 4', tone: 'bad', plot, detail: '</pre><script>x</script>' }],
  timings: [{ phase: 'probes', ms: 1_234 }],
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 2_000,
  outputs: {},
}

describe('probes over time', () => {
  test('as one line of text, with the moment of the deploy', () => {
    expect(renderStrip(plot)).toBe('▂▂|█x?▅')
    expect(renderStrip({ ...plot, before: [] })).toBe('█x?▅')
    expect(renderText(outcome)).toContain('      ▂▂|█x?▅')
  })

  test('as a chart of Mermaid, each line with a value for every probe', () => {
    expect(renderMermaid(plot).split('\n')).toEqual([
      'xychart-beta',
      '  x-axis "probes: 2 before the deploy, 4 after it" 1 --> 6',
      '  y-axis "ms" 0 --> 100',
      '  bar [0, 0, 0, 100, 0, 0]',
      '  line [10, 12, 70, 70, 70, 35]',
      '  line [100, 100, 100, 100, 100, 100]',
      '  line [100, 100, 0, 0, 0, 0]',
    ])
    expect(renderMarkdown(outcome)).toContain('```mermaid\nxychart-beta\n')
  })

  test('as a picture: a line for each stretch that was answered, a mark for each probe that was not', () => {
    const svg = renderSvg(plot)
    expect(svg).toContain('aria-label="1 of 6 points failed"')
    expect(svg.match(/<polyline/g)).toHaveLength(1)
    expect(svg.match(/<circle/g)).toHaveLength(2)
    expect(svg.match(/<rect class="bad"/g)).toHaveLength(1)
    expect(svg.match(/<rect class="gap"/g)).toHaveLength(1)
    expect(svg).toContain('>deploy</text>')
    expect(renderSvg({ before: [], after: [good(1)] })).not.toContain('deploy')
  })

  test('of nothing are no picture that is broken', () => {
    expect(renderSvg({ before: [], after: [] })).not.toContain('NaN')
    expect(renderMermaid({ before: [], after: [] })).toContain('y-axis "ms" 0 --> 1')
  })
})

test('a page holds nothing that runs, whatever others wrote', () => {
  const page = renderHtml(outcome)
  expect(page).not.toContain('<script')
  expect(page).toContain('&lt;/pre&gt;&lt;script&gt;')
  expect(page).toContain("default-src 'none'")
  expect(page).toContain('<svg class="plot"')
  expect(page).toContain('Look at &lt;it&gt;.')
})
