import { expect, test } from '@jest/globals'
import { envelopeIn } from '../../../shared/integrations/observability/prometheus-answers.ts'

test('a refusal is read, which has no data', () => {
  const refusal = { status: 'error', errorType: 'bad_data', error: 'parse error: expected type range vector' }
  expect(envelopeIn(JSON.stringify(refusal))).toEqual(refusal)
})

test.each(['', 'null', '[]', '{"data":{}}', '<html>'])('%j is no answer of Prometheus', body => {
  expect(envelopeIn(body)).toBeUndefined()
})
