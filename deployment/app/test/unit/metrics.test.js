import assert from 'node:assert/strict'
import { test } from 'node:test'

import { BOUNDS, Histogram } from '../../src/histogram.js'
import { histogramSamples, renderText, wantsText } from '../../src/prometheus.js'
import { Traffic } from '../../src/traffic.js'

/** @param {number[]} durations seconds */
function histogramOf(durations) {
  const histogram = new Histogram()
  for (const seconds of durations) histogram.observe(seconds)
  return histogram
}

test('a quantile is interpolated inside its bucket', () => {
  assert.equal(new Histogram().quantile(0.5), null)
  const quantile = histogramOf([0.06, 0.07, 0.08, 0.09]).quantile(0.5)
  assert(quantile !== null && Math.abs(quantile - 0.075) < 1e-9, String(quantile))
})

test('a duration on a bound belongs to the bucket below it, one beyond all of them to the last', () => {
  assert.equal(histogramOf([0.005]).counts[0], 1)
  assert.equal(histogramOf([60]).counts[BOUNDS.length], 1)
  assert.equal(histogramOf([60]).quantile(0.99), 10)
})

test('the last minute forgets what is older', () => {
  let now = 1_000
  const traffic = new Traffic(() => now)
  traffic.observe({ method: 'GET', route: '/api/v1/ping', status: 500, seconds: 0.01 })
  now += 30
  traffic.observe({ method: 'GET', route: '/api/v1/ping', status: 200, seconds: 0.01 })
  assert.deepEqual(
    [traffic.recent().requests, traffic.recent().errors, traffic.recent().windowSeconds],
    [2, 1, 30],
  )
  now += 45
  assert.deepEqual(
    [traffic.recent().requests, traffic.recent().errors, traffic.recent().windowSeconds],
    [1, 0, 60],
  )
  now += 60
  assert.equal(traffic.recent().requests, 0)
})

test('a slot of the window that comes round again starts empty', () => {
  let now = 1_000
  const traffic = new Traffic(() => now)
  for (const _ of [1, 2]) {
    traffic.observe({ method: 'GET', route: '/api/v1/ping', status: 500, seconds: 0.01 })
    now += 60
  }
  now -= 60
  assert.deepEqual([traffic.recent().requests, traffic.recent().errors], [1, 1])
})

test('probes do not dilute the error rate, and what watches the API is no call of it', () => {
  const traffic = new Traffic()
  for (const route of [
    '/health',
    '/ready',
    '/api/v1/status',
    '/api/v1/metrics',
    '/api/v1/ping',
    'unmatched',
  ]) {
    traffic.observe({ method: 'GET', route, status: 200, seconds: 0.001 })
  }
  assert.equal(traffic.recent().requests, 4)
  assert.equal(traffic.apiCalls, 1)
  assert.equal(traffic.series.size, 6)
})

test('the text format: help, type, escaped labels, nothing for what is not known', () => {
  const text = renderText([
    {
      name: 'a',
      help: 'A.',
      type: 'gauge',
      samples: [{ labels: { l: 'q"b\\n\n' }, value: 0.5 }, { value: null }],
    },
    { name: 'b', help: 'B.', type: 'gauge', samples: [{ value: null }] },
  ])
  assert.equal(text, '# HELP a A.\n# TYPE a gauge\na{l="q\\"b\\\\n\\n"} 0.5\n')
})

test('the buckets of a histogram are cumulative and end at +Inf with the count', () => {
  const samples = histogramSamples({ route: '/r' }, histogramOf([0.001, 0.02, 60]))
  const buckets = samples.filter(({ suffix }) => suffix === '_bucket')
  assert.deepEqual(
    buckets.map(({ value }) => value),
    [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3],
  )
  assert.deepEqual(buckets.at(-1)?.labels, { route: '/r', le: '+Inf' })
  assert.equal(samples.find(({ suffix }) => suffix === '_count')?.value, 3)
})

for (const [client, accept, text] of /** @type {[string, string, boolean][]} */ ([
  [
    'Prometheus 2',
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    true,
  ],
  ['Prometheus before 2.5', 'text/plain;version=0.0.4;q=1,*/*;q=0.1', true],
  ['curl', '*/*', false],
  ['no header', '', false],
  ['a browser', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', false],
  ['axios', 'application/json, text/plain, */*', false],
])) {
  test(`${client} gets ${text ? 'text' : 'JSON'}`, () => assert.equal(wantsText(accept), text))
}
