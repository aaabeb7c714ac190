import { holds, type Operator } from '../../config/schema/condition.ts'
import { goodAtEnd, type Judgement } from './judgement.ts'
import type { Reading } from './seen.ts'
import { figure, percent } from './show.ts'

/** What a value that is read again and again is held against. */
export interface Threshold {
  /** `memory`, `metric lag`, `query errors` */
  signal: string
  operator: Operator
  /** Infinite when nothing is too much: then it is only told. */
  limit: number
  /** How values are shown: a share of 1 as a percentage. */
  unit: 'share' | 'number'
  /** Its value before the release was applied, when it was over already. */
  before: number | undefined
}

/**
 * A threshold is crossed when it was so in every reading of the window's last third: a peak while the service starts is
 * none, and a leak that is still over at the end is one. One that was over before the release warns: the release did not
 * cross it. Fewer than three readings there, or the newest a gap, decide nothing.
 * @param readings of this signal, in the order of time
 */
export function judgeThreshold(threshold: Threshold, readings: Reading[]): Judgement {
  const { signal: metric, limit, operator, before } = threshold
  const show = threshold.unit === 'share' ? percent : figure
  const newest = readings.at(-1)
  const last = lastThird(readings)
  const values = last.filter(each => 'value' in each)
  const now = values.at(-1)
  const wanted = Number.isFinite(limit) ? `wanted ${operator} ${show(limit)}` : 'no threshold'
  const unread = (finding: string): Judgement =>
    Number.isFinite(limit)
      ? { metric, verdict: 'inconclusive', finding }
      : { metric, verdict: 'pass', finding: `${finding} (${wanted})` }
  if (newest && 'gap' in newest) return unread(newest.gap)
  if (!now || values.length < goodAtEnd) {
    const why = last.find(each => 'gap' in each)?.gap
    const finding = `${readings.filter(each => 'value' in each).length} readings: too few to judge`
    return unread(why === undefined ? finding : `${finding} (${why})`)
  }
  const of = now.of === '' ? '' : ` of ${now.of}`
  const seen = `${show(now.value)}${of} (${range(readings, show)}; ${wanted})`
  if (values.some(({ value }) => holds(threshold, value))) return { metric, verdict: 'pass', finding: seen }
  const crossed = `${seen}: crossed in all of the last ${values.length} readings`
  if (before === undefined) return { metric, verdict: 'fail', finding: crossed }
  const finding = `${crossed}; it was so before the deploy too (${show(before)}), so the release is not blamed`
  return { metric, verdict: 'warn', finding }
}

/** What was over in all readings before a release, by signal, with its newest value. */
export function overIn(thresholds: Threshold[], readings: Reading[]): Record<string, number> {
  const over: Record<string, number> = {}
  for (const threshold of thresholds) {
    const values = readings
      .filter(({ signal }) => signal === threshold.signal)
      .flatMap(each => ('value' in each ? [each.value] : []))
    const newest = values.at(-1)
    if (newest !== undefined && values.every(value => !holds(threshold, value)))
      over[threshold.signal] = newest
  }
  return over
}

function lastThird(readings: Reading[]): Reading[] {
  const end = readings.at(-1)?.atMs ?? 0
  const third = readings.filter(({ atMs }) => atMs >= (end * 2) / 3)
  return third.length >= goodAtEnd ? third : readings.slice(-goodAtEnd)
}

function range(readings: Reading[], show: (value: number) => string): string {
  const values = readings.flatMap(each => ('value' in each ? [each.value] : []))
  return `from ${show(Math.min(...values))} to ${show(Math.max(...values))}`
}
