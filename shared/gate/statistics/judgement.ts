export type Verdict = 'pass' | 'fail' | 'inconclusive'

/** One metric's part in the verdict, with what it is founded on. */
export interface Judgement {
  /** `errors`, `latency`, `memory`, `query lag`, `workload` */
  metric: string
  /** `warn` lets the gate pass, and is told. */
  verdict: Verdict | 'warn'
  /** One line, with the numbers. */
  finding: string
}

/** Rounds at the end of the window that have to be good, one after the other: a service that just broke never passes. */
export const goodAtEnd = 3

/** The gate's verdict: the worst of all. */
export function worst(judgements: Judgement[]): Verdict {
  const has = (verdict: Verdict) => judgements.some(each => each.verdict === verdict)
  return has('fail') ? 'fail' : has('inconclusive') ? 'inconclusive' : 'pass'
}
