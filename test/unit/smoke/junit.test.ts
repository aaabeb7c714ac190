import { describe, expect, test } from '@jest/globals'
import { renderJUnit } from '../../../shared/smoke/junit.ts'
import type { RequestResult } from '../../../shared/smoke/run-suite.ts'
import type { SmokeResult } from '../../../shared/smoke/run.ts'

const head = {
  service: 'runbook-api',
  environment: 'production',
  url: 'https://api.example.com',
  startedAt: '2026-11-25T09:30:00.123Z',
  seconds: 5.25,
}
const timings = { dns: 1, connect: 2, tls: 3, firstByte: 4, total: 12.3 }
const well: RequestResult = {
  name: 'health',
  title: 'GET /health (health)',
  where: 'smoke.yml:3',
  verdict: 'met',
  unmet: [],
  status: 200,
  timings,
  tries: 1,
  retriedBecause: '',
}
const unsent = { status: undefined, timings: undefined }
const results: RequestResult[] = [
  well,
  {
    ...well,
    title: 'GET /a (a & "b" <c>)',
    verdict: 'unmet',
    unmet: ['503, expected 200', 'x \u0007 \ud800 s3cret&'],
  },
  {
    ...well,
    ...unsent,
    verdict: 'silent',
    unmet: ['connection refused'],
    tries: 3,
    retriedBecause: 'it starts late',
  },
  { ...well, ...unsent, verdict: 'unsent', unmet: ['needs id'], tries: 0 },
]
const smoke = (said: Partial<SmokeResult> = {}): SmokeResult => ({
  suite: 'the guide',
  passed: 1,
  failed: 3,
  results,
  load: undefined,
  loadEvidence: [{ subject: 'load', finding: 'not sent: an ill service gets no load on top', tone: 'note' }],
  evidence: [],
  ...said,
})
const redact = (text: string) => text.replaceAll('s3cret&', '***')

describe('JUnit XML', () => {
  const xml = renderJUnit(head, smoke(), redact)

  test('counts what failed, what got no answer, and what was not sent', () => {
    expect(xml).toContain('tests="5" failures="1" errors="1" skipped="2" time="5.250"')
    expect(xml).toContain('timestamp="2026-11-25T09:30:00" hostname="api.example.com"')
    expect(xml.match(/<testcase /g)).toHaveLength(5)
    expect(xml.match(/<skipped message=/g)).toHaveLength(2)
  })

  test('says what was not as expected, where, and after how many tries', () => {
    expect(xml).toContain('<failure type="smoke-test" message="503, expected 200">503, expected 200&#10;x ')
    expect(xml).toContain('<error type="smoke-test" message="connection refused">')
    expect(xml).toContain('<skipped message="needs id"/>')
    expect(xml).toContain('tries: 3, because it starts late')
    expect(xml).toContain('first byte 4.0 ms')
    expect(xml).toContain('at smoke.yml:3</failure>')
  })

  test('is well-formed whatever a service answered, and keeps secrets that XML would disguise', () => {
    expect(xml).toContain('name="GET /a (a &amp; &quot;b&quot; &lt;c&gt;)"')
    expect(xml).toContain('x \\u0007 \ufffd ***')
    expect(xml).not.toContain('s3cret')
  })

  test('a load that failed is a failure', () => {
    const loadEvidence = [
      { subject: 'load', finding: 'p95 900.0 ms', tone: 'bad' as const, detail: 'within ...' },
    ]
    const failed = renderJUnit(head, smoke({ loadEvidence, results: [well] }), redact)
    expect(failed).toContain('tests="2" failures="1" errors="0" skipped="0"')
    expect(failed).toContain(
      'name="load" time="0.000">\n      <failure type="smoke-test" message="p95 900.0 ms">',
    )
  })
})
