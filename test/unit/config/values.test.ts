import { expect, test } from '@jest/globals'
import {
  parseDuration,
  parsePercent,
  parseSize,
  showDuration,
  showSize,
} from '../../../shared/config/values.ts'
import { compareVersions, isPrerelease, parseVersion } from '../../../shared/config/version.ts'

test.each([
  ['90s', 90_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['250ms', 250],
  ['0.5s', 500],
])('the duration %s is %d ms', (text, ms) => expect(parseDuration('for', text)).toBe(ms))

test.each(['90', '', '5 m', '-5s', '5min', '1e3s', '$(date)'])('%j is no duration', text => {
  expect(() => parseDuration('for', text)).toThrow(/^for is .*accepted: a duration like 90s/)
})

test('sizes and percentages', () => {
  expect(parseSize('size', '512MiB')).toBe(2 ** 29)
  expect(() => parseSize('size', '512')).toThrow('accepted: a size like')
  expect(parsePercent('cpu', '85%')).toBe(0.85)
  expect(() => parsePercent('cpu', '185%')).toThrow('accepted: a percentage')
})

test.each([
  [0, '0 ms'],
  [999.4, '999 ms'],
  [12_340, '12.3 s'],
  [59_960, '1 min 0 s'],
  [250_000, '4 min 10 s'],
  [11_100_000, '3 h 5 min'],
])('%d ms is shown as %s', (ms, text) => expect(showDuration(ms)).toBe(text))

test('sizes are shown in binary units', () => {
  expect([0, 512, 1_503_238_554].map(showSize)).toEqual(['0 B', '512 B', '1.4 GiB'])
})

test.each(['1.2.3', 'v1.2', 'v1', 'latest', 'v1.2.3 ', 'v1.2.3\n::set-env'])('%j is no version', text => {
  expect(() => parseVersion('version', text)).toThrow('accepted: a full semantic version')
})

test('versions are ordered, and one that is not semantic is the oldest', () => {
  expect(compareVersions('v1.10.0', 'v1.9.0')).toBeGreaterThan(0)
  expect(compareVersions('v1.3.0-rc.1', 'v1.3.0')).toBeLessThan(0)
  expect(compareVersions('latest', 'v0.0.1')).toBeLessThan(0)
  expect([isPrerelease('v1.3.0-rc.1'), isPrerelease('v1.3.0')]).toEqual([true, false])
})
