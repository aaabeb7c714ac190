import type { Measured, Measurement } from '../../release/vitals.ts'
import { goodAtEnd, type Judgement } from '../statistics/judgement.ts'
import type { Snapshot } from '../statistics/seen.ts'
import { percent } from '../statistics/show.ts'

export const measuredResources = ['memory', 'cpu'] as const satisfies Measured[]

/** What an instance may use, and what the busiest one used before the release. Shares of its limit. */
export interface InstanceLimit {
  resource: Measured
  limit: number
  /** Undefined when it was not measured. */
  before: number | undefined
}

/** Two measurements at least: what a service takes to start is in the first. */
const leastMeasurements = 2

/**
 * Holds each instance against what it may use, as its target measures it: of several behind one address, the service's
 * own answers show one after the other, and one that is ill is a minority of them. An instance is over when it was in all of
 * the window's last third. It fails the release only where that is known to be new.
 * @returns undefined when nothing was measured
 */
export function judgeInstances(
  { resource, limit, before }: InstanceLimit,
  snapshots: Snapshot[],
): Judgement | undefined {
  const metric = `${resource} of each instance`
  const end = snapshots.at(-1)?.atMs ?? 0
  const seen = snapshots.filter(each => 'instances' in each)
  const late = seen.filter(({ atMs }) => atMs >= (end * 2) / 3)
  const series = new Map<string, Measurement[]>()
  for (const { instance, usage } of late.flatMap(({ instances }) => instances)) {
    const measured = usage?.[resource]
    if (measured) series.set(instance, [...(series.get(instance) ?? []), measured])
  }
  // One that has just come, or is gone, has proved nothing.
  const known = [...series].filter(([, measured]) => measured.length >= Math.min(goodAtEnd, late.length))
  const worst = known.toSorted(([, one], [, other]) => least(other) - least(one))[0]
  if (!worst) return undefined
  const [instance, measured] = worst
  const now = measured.at(-1)
  const wanted = Number.isFinite(limit) ? `wanted < ${percent(limit)}` : 'no threshold'
  const finding = `at most ${percent(least(measured))}, of its ${now?.of ?? 'limit'}, in ${instance} (${wanted})`
  if (least(measured) < limit) return { metric, verdict: 'pass', finding }
  const over = `${instance} used ${percent(now?.share ?? 0)} of its ${now?.of ?? 'limit'} (${wanted})`
  if (new Set(measured.map(({ at }) => at)).size < leastMeasurements)
    return { metric, verdict: 'warn', finding: `${over}, measured once: a longer window would tell` }
  if (before === undefined)
    return {
      metric,
      verdict: 'warn',
      finding: `${over}; how it was before is not known, so the release is not blamed`,
    }
  if (before >= limit)
    return {
      metric,
      verdict: 'warn',
      finding: `${over}; it was so before the deploy too (${percent(before)})`,
    }
  return { metric, verdict: 'fail', finding: `${over}, in all of the last ${measured.length} looks` }
}

/** What the busiest instance used of each resource. */
export function busiest(snapshots: Snapshot[]): Partial<Record<Measured, number>> {
  const shares = (resource: Measured) =>
    snapshots
      .flatMap(each => ('instances' in each ? each.instances : []))
      .flatMap(({ usage }) => usage?.[resource]?.share ?? [])
  return Object.fromEntries(
    measuredResources
      .map(resource => [resource, Math.max(...shares(resource))] as const)
      .filter(([, share]) => Number.isFinite(share)),
  )
}

function least(measured: Measurement[]): number {
  return Math.min(...measured.map(({ share }) => share))
}
