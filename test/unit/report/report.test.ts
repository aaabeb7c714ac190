import { describe, expect, test } from '@jest/globals'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { bounded } from '../../../shared/report/bounds.ts'
import { renderMarkdown } from '../../../shared/report/markdown.ts'
import { renderClosing, renderText } from '../../../shared/report/text.ts'

const outcome: Outcome = {
  step: 'deploy',
  service: 'runbook-api',
  environment: 'production',
  status: 'failure',
  reason: 'rollout-doomed',
  summary: 'v1.2.0 (r2) does not become ready: container app ended with exit code 1.',
  next: 'Fix the cause and release again.',
  serving: 'v1.0.0',
  cause: 'crash-loop',
  evidence: [
    { subject: 'pod a|b', finding: 'said <script> & `x`', tone: 'bad', detail: 'line 1\n```\n::error::x\n' },
    { subject: 'ConfigMap', finding: 'unchanged', tone: 'note' },
  ],
  timings: [{ phase: 'apply', ms: 1_234 }],
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 61_000,
  outputs: {},
}

describe('an outcome', () => {
  test('says in a log how it ended, why, and what to do, in this order', () => {
    expect(renderText(outcome).slice(0, 6)).toEqual([
      'deploy production: failure (rollout-doomed) in 1 min 1 s',
      '  v1.2.0 (r2) does not become ready: container app ended with exit code 1.',
      '  Cause: crash-loop',
      '  Serving: v1.0.0',
      '  Next: Fix the cause and release again.',
      '  x pod a|b: said <script> & `x`',
    ])
  })

  test('of several steps says last what happened, why, what is live now, and what to do', () => {
    expect(renderClosing({ ...outcome, step: 'promote' })).toEqual([
      'promote production: failure (rollout-doomed) in 1 min 1 s',
      '  v1.2.0 (r2) does not become ready: container app ended with exit code 1.',
      '  Cause: crash-loop',
      '  Live now: v1.0.0',
      '  Next: Fix the cause and release again.',
      '  Took: apply 1.2 s',
    ])
  })

  test('cannot be broken by what others wrote, as Markdown', () => {
    const text = renderMarkdown(outcome)
    expect(text).toContain('| ❌ | pod a\\|b | said &lt;script> &amp; \\`x\\` |')
    expect(text).toContain('````text\nline 1\n```')
  })

  test('fits into a job summary and an output, whatever is written into it', () => {
    const evidence = Array.from({ length: 400 }, (_, index) => ({
      subject: `pod ${index}`,
      finding: '&'.repeat(5_000),
      tone: 'bad' as const,
      detail: `first line\n${'é<`'.repeat(200_000)}\nlast line`,
    }))
    const short = bounded({ ...outcome, evidence })
    expect(Buffer.byteLength(JSON.stringify(short))).toBeLessThan(256 * 1024)
    expect(short.evidence[0]?.detail).toMatch(/^first line[^]*characters left out[^]*last line$/)
    expect(short.evidence.at(-1)?.finding).toMatch(/^\d+ more are left out here$/)
    expect(Buffer.byteLength(renderMarkdown(short))).toBeLessThan(1024 * 1024 - 1024)
  })
})
