import type { Evidence, Plot, PlotPoint } from '../outcome/outcome.ts'
import { gateDefaults } from '../config/environment.ts'
import { showDuration } from '../config/values.ts'
import type { Judgement } from './statistics/judgement.ts'
import type { GatePlan } from './plan.ts'
import type { Round, Seen } from './statistics/seen.ts'
import { countedFrom, warmUpOfSeen } from './verdict.ts'

const tones = { pass: 'good', warn: 'warn', fail: 'bad', inconclusive: 'warn' } as const
/** More kinds of failure than this are not read. */
const mostKinds = 10
/** Marks of a plot: the width of a summary. Longer windows are folded. */
const mostPoints = 120

/**
 * What the verdict is founded on: a line for each metric, the first with a plot of the probes, one of how it began when it
 * did not begin well, and one a kind of failure.
 */
export function describe(judgements: Judgement[], seen: Seen, plan: GatePlan): Evidence[] {
  const { rounds } = seen
  const from = countedFrom(seen, plan.limits)
  const metrics = judgements.map(({ metric, verdict, finding }): Evidence => ({
    subject: metric,
    finding,
    tone: tones[verdict],
  }))
  if (metrics[0] && rounds.length > 0) metrics[0].plot = plotOf(rounds, from, plan)
  const counted = rounds.slice(from)
  const failures = kinds(counted, round => round.failures).map(({ kind: _kind, ...line }) => ({
    ...line,
    tone: 'bad' as const,
  }))
  const gaps = kinds(counted, round => round.gaps).map(({ kind: _kind, ...line }) => ({
    ...line,
    tone: 'warn' as const,
  }))
  return [...metrics, ...describeWarmUp(rounds.slice(0, from), seen, plan), ...failures, ...gaps]
}

function describeWarmUp(excused: Round[], seen: Seen, { limits }: GatePlan): Evidence[] {
  const warmUp = warmUpOfSeen(seen, limits)
  if (warmUp.kind === 'on' || warmUp.bad === 0 || excused.length === 0) return []
  const { latency, warmUp: rule } = limits
  const first = warmUp.by === 'steady' ? excused.filter(({ atMs }) => atMs < warmUp.atMs) : excused
  const failed = first.filter(({ failures, gaps }) => failures.length + gaps.length > 0)
  const slow = latency === undefined ? [] : first.filter(({ slowestMs = 0 }) => slowestMs > latency.ms)
  const [kind] = kinds(failed, ({ failures, gaps }) => [...failures, ...gaps])
  const bad = [
    failed.length > 0 && kind ? `${failed.length} failed (${kind.subject}: ${kind.kind})` : '',
    latency && slow.length > 0 ? `${slow.length} were slower than ${Math.round(latency.ms)} ms` : '',
  ].filter(Boolean)
  const began = `of its first ${first.length} probes ${bad.join(', and ')}`
  return warmUp.by === 'steady'
    ? [
        {
          subject: 'warm-up',
          finding: `${began}; it was steady from ${showDuration(warmUp.atMs)} on, and is judged from there`,
          tone: 'note',
        },
      ]
    : [
        {
          subject: 'warm-up',
          finding: `${began}; it was not steady within ${showDuration(rule.boundMs)}, and is judged from then on`,
          tone: 'warn',
          next: 'Does it take longer to warm up? Set gate.warm-up.',
        },
      ]
}

function kinds(
  rounds: Round[],
  of: (round: Round) => string[],
): (Pick<Evidence, 'subject' | 'finding' | 'next' | 'detail'> & { kind: string })[] {
  const seen = new Map<string, { first: number; times: number; body: string | undefined }>()
  for (const round of rounds) {
    for (const kind of of(round)) {
      const before = seen.get(kind)
      seen.set(kind, {
        first: before?.first ?? round.atMs,
        times: (before?.times ?? 0) + 1,
        body: before?.body ?? round.bodies?.[kind],
      })
    }
  }
  return [...seen]
    .sort(([, a], [, b]) => b.times - a.times)
    .slice(0, mostKinds)
    .map(([kind, { first, times, body }]) => {
      const [subject = kind, finding = ''] = kind.split(/: (.*)/s)
      return {
        subject,
        kind: finding,
        finding: `${finding} (${times} times, first after ${showDuration(first)})`,
        ...(isOfTheGuide(subject, finding) ? { next: otherPaths } : {}),
        ...(body === undefined ? {} : { detail: body }),
      }
    })
}

const otherPaths = 'Does the service have other paths? Set gate.paths.'

/** A service that was never built after the guide knows none of its paths: nothing is wrong with such a one. */
function isOfTheGuide(subject: string, finding: string): boolean {
  return finding === '404' && gateDefaults.paths.some(path => subject === `GET ${path}`)
}

/** @param from index of the first round that counts; what was bad before it is no failure */
function plotOf(rounds: Round[], from: number, { baseline, limits }: GatePlan): Plot {
  const before = (baseline?.ms ?? []).map((ms): PlotPoint => ({ ms, state: ms === null ? 'bad' : 'good' }))
  const after = rounds.map(({ slowestMs, failures, gaps }, index): PlotPoint => ({
    ms: slowestMs === undefined ? null : Math.round(slowestMs),
    state: failures.length > 0 && index >= from ? 'bad' : failures.length + gaps.length > 0 ? 'gap' : 'good',
  }))
  const width = Math.ceil((before.length + after.length) / mostPoints)
  return {
    before: folded(before, width),
    after: folded(after, width),
    ...(limits.latency ? { limitMs: Math.round(limits.latency.ms) } : {}),
  }
}

/** So many neighbours become one: the worst of their states, the slowest of their times. */
function folded(points: PlotPoint[], width: number): PlotPoint[] {
  const cells: PlotPoint[] = []
  for (let from = 0; from < points.length; from += width) {
    const cell = points.slice(from, from + width)
    const has = (state: PlotPoint['state']) => cell.some(each => each.state === state)
    const times = cell.map(({ ms }) => ms).filter(ms => ms !== null)
    cells.push({
      ms: times.length > 0 ? Math.max(...times) : null,
      state: has('bad') ? 'bad' : has('gap') ? 'gap' : 'good',
    })
  }
  return cells
}
