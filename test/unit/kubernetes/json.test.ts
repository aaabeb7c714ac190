import { describe, expect, test } from '@jest/globals'
import { parseJson, toJson } from '../../../shared/targets/kubernetes/api/json.ts'

describe('JSON of the API', () => {
  test.each([
    '{"a":9223372036854775807,"b":[-9007199254740993],"c":"9223372036854775807"}',
    '{"a":9007199254740991,"b":0.1,"c":1e+30,"d":null,"e":true}',
    '{"a":12345678901234567890123}',
  ])('%s is read and written without a loss', text => {
    expect(toJson(parseJson(text))).toBe(text)
  })

  test('numbers stay numbers where a number holds them', () => {
    expect(parseJson('{"a":9007199254740991,"b":9007199254740993}')).toEqual({
      a: 9_007_199_254_740_991,
      b: 9_007_199_254_740_993n,
    })
  })
})
