import { describe, expect, test } from '@jest/globals'
import { ToolError } from '../../../shared/outcome/errors.ts'
import type { Prometheus, Sample } from '../../../shared/integrations/observability/prometheus.ts'
import { openQuestions } from '../../../shared/gate/probes/prometheus.ts'
import { selectorsIn } from '../../../shared/gate/probes/promql.ts'
import { parseCondition } from '../../../shared/config/schema/condition.ts'

test.each([
  ['up', ['up']],
  [
    'sum(rate(http_requests_total{code=~"5..",x="}"}[1m])) by (job)',
    ['http_requests_total{code=~"5..",x="}"}[1m]'],
  ],
  ['sum by (job, instance) (a) / on(job) group_left(b) (c offset 5m)', ['a', 'c']],
  ['histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))', ['x_bucket[5m]']],
  ['{__name__="up", job="a"} and a:b:c unless d', ['{__name__="up", job="a"}', 'a:b:c', 'd']],
  ['max_over_time((a > bool 1e3)[10m:1m] @ 1609746000) # comment b', ['a']],
  ['vector(1) + time() * NaN - Inf', []],
  ['label_replace(up, "a", "$1", "b", "(.*)")', ['up']],
  ['a + a', ['a']],
  ['rate(a[5m]) > a', ['a[5m]', 'a']],
])('%s is made of %j', (expr, selectors) => {
  expect(selectorsIn(expr).map(({ series, range }) => (range ? `${series}[${range}]` : series))).toEqual(
    selectors,
  )
})

describe('a query', () => {
  const lag = parseCondition('queries:1', 'lag', 'max(lag) < 5')
  const at = (value: number, labels = {}): Sample => ({ labels, value, at: 0 })

  /** A Prometheus at which the gate begins at 1,000 s, and that says what it is told to of each query. */
  const asked = (answers: Record<string, Sample[] | Error>): Prometheus => ({
    query: expr => {
      const answer = expr === 'time()' ? [at(1_000)] : (answers[expr] ?? [])
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    targets: () => Promise.resolve([]),
    alerts: () => Promise.resolve([]),
    rules: () => Promise.resolve([]),
    format: expr => Promise.resolve(expr),
    close: () => undefined,
  })
  const answer = async (answers: Record<string, Sample[] | Error>, query = lag, agoMs = 0) => {
    const [reading] = await (await openQuestions(asked(answers), [query], agoMs)).ask(7)
    return reading
  }
  const fresh = { 'max(timestamp(lag))': [at(1_000.5)] }

  test('is a reading when what it is made of was measured since the gate began', async () => {
    expect(await answer({ 'max(lag)': [at(3)], ...fresh })).toEqual({
      signal: 'query lag',
      atMs: 7,
      value: 3,
      of: '',
    })
  })

  test('of several series, is the worst one, which is named', async () => {
    const several = [at(3, { pod: 'a' }), at(9, { pod: 'b' }), at(1, { pod: 'c' })]
    expect(await answer({ 'max(lag)': several, ...fresh })).toMatchObject({ value: 9, of: 'pod="b"' })
  })

  test('may be as old as is said: before a deploy, what was scraped a moment ago will do', async () => {
    const answers = { 'max(lag)': [at(3)], 'max(timestamp(lag))': [at(988)] }
    expect(await answer(answers, lag, 60_000)).toMatchObject({ value: 3 })
    expect(await answer(answers, lag, 10_000)).toMatchObject({ gap: expect.stringContaining('2 s older') })
  })

  test('of a range whose series have ended is a gap, and of series that never were it is not', async () => {
    const rate = parseCondition('', 'lag', 'sum(rate(a[1m])) or vector(0) < 5')
    const answers = { 'sum(rate(a[1m])) or vector(0)': [at(0)] }
    expect(await answer(answers, rate)).toMatchObject({ value: 0 })
    expect(await answer({ ...answers, 'count(count_over_time(a[1m]))': [at(3)] }, rate)).toMatchObject({
      gap: 'a is measured no more: what is left of it is older than what is judged',
    })
  })

  test.each([
    ['empty', {}, 'Prometheus has nothing for max(lag)'],
    ['NaN', { 'max(lag)': [at(3), at(NaN)] }, 'max(lag) is NaN'],
    [
      'stale',
      { 'max(lag)': [at(3)], 'max(timestamp(lag))': [at(988)] },
      'the newest lag is 12 s older than what is judged',
    ],
    [
      'refused',
      { 'max(lag)': new ToolError('HTTP 503', { tool: 'Prometheus', code: 503, hint: '' }) },
      'HTTP 503',
    ],
  ])('that is %s is a gap', async (_, answers, gap) => {
    expect(await answer(answers)).toEqual({ signal: 'query lag', atMs: 7, gap })
  })

  test('is a reading of a Prometheus that was away only while the gate began', async () => {
    const there = asked({ 'max(lag)': [at(3)], ...fresh })
    const away = new ToolError('connection refused', { tool: 'HTTP', hint: '' })
    let asks = 0
    const query = (expr: string) => ((asks += 1) <= 1 ? Promise.reject(away) : there.query(expr))
    const questions = await openQuestions({ ...there, query }, [lag], 0)
    expect(await questions.ask(7)).toEqual([{ signal: 'query lag', atMs: 7, value: 3, of: '' }])
  })

  test('is not put to a Prometheus that does not answer at all: each would wait for as long', async () => {
    const away = new ToolError('no whole answer within 5000 ms', { tool: 'HTTP', hint: '' })
    const asks: string[] = []
    const query = (expr: string) => {
      asks.push(expr)
      return Promise.reject(away)
    }
    const questions = await openQuestions({ ...asked({}), query }, [lag, { ...lag, name: 'other' }], 0)
    const gap = 'no whole answer within 5000 ms'
    expect(await questions.ask(7)).toEqual([
      { signal: 'query lag', atMs: 7, gap },
      { signal: 'query other', atMs: 7, gap },
    ])
    expect(asks).toEqual(['time()', 'time()'])
  })

  test('that Prometheus cannot read is refused before anything is judged', async () => {
    const refused = new ToolError('parse error: unexpected )', { tool: 'Prometheus', code: 400, hint: '' })
    await expect(openQuestions(asked({ 'max(lag)': refused }), [lag], 0)).rejects.toThrow(
      'queries:1: lag is "max(lag)"; parse error: unexpected )',
    )
  })
})
