import type { Evidence } from '../outcome/outcome.ts'
import { showDuration } from '../runbook/values.ts'
import type { Judgement, Round } from './verdict.ts'

const tones = { pass: 'good', fail: 'bad', inconclusive: 'warn' } as const
/** More kinds of failure than this are not read by anybody. */
const mostKinds = 10

/** What the verdict is founded on: a line for each metric, and one for each kind of failure. */
export function describe(judgements: Judgement[], rounds: Round[]): Evidence[] {
  const metrics = judgements.map(({ metric, verdict, finding }): Evidence => ({
    subject: metric,
    finding,
    tone: tones[verdict],
  }))
  if (metrics[0] && rounds.length > 0) metrics[0].detail = strip(rounds)
  const failures = kinds(rounds, round => round.failures).map(line => ({ ...line, tone: 'bad' as const }))
  const gaps = kinds(rounds, round => round.gaps).map(line => ({ ...line, tone: 'warn' as const }))
  return [...metrics, ...failures, ...gaps]
}

function kinds(rounds: Round[], of: (round: Round) => string[]): Pick<Evidence, 'subject' | 'finding'>[] {
  const seen = new Map<string, { first: number; times: number }>()
  for (const round of rounds) {
    for (const kind of of(round)) {
      const before = seen.get(kind)
      seen.set(kind, { first: before?.first ?? round.atMs, times: (before?.times ?? 0) + 1 })
    }
  }
  return [...seen]
    .sort(([, a], [, b]) => b.times - a.times)
    .slice(0, mostKinds)
    .map(([kind, { first, times }]) => {
      const [subject = kind, finding = ''] = kind.split(/: (.*)/s)
      return { subject, finding: `${finding} (${times} times, first after ${showDuration(first)})` }
    })
}

/** The rounds at a glance, in the order of time: `.` good, `x` bad, `?` not measured. Long windows are folded. */
function strip(rounds: Round[]): string {
  const mark = ({ failures, gaps }: Round) => (failures.length > 0 ? 'x' : gaps.length > 0 ? '?' : '.')
  const width = Math.ceil(rounds.length / 100)
  const cells: string[] = []
  for (let from = 0; from < rounds.length; from += width) {
    const marks = rounds.slice(from, from + width).map(mark)
    cells.push(marks.find(each => each === 'x') ?? marks.find(each => each === '?') ?? '.')
  }
  return cells.join('')
}
