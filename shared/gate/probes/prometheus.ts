import { InputError, messageOf, ToolError } from '../../outcome/errors.ts'
import type { Prometheus, Sample } from '../../integrations/observability/prometheus.ts'
import type { Condition } from '../../config/schema/condition.ts'
import { isWorse, labelsOf } from './metrics.ts'
import { querySignal } from '../plan.ts'
import { selectorsIn } from './promql.ts'
import type { Reading } from '../statistics/seen.ts'

/** How Prometheus refuses an expression that it cannot read (its HTTP API: `bad_data`). */
const badRequest = 400

/** Asks a Prometheus again and again. */
export interface Questions {
  /** What is not answered, or only with what was measured too long ago, is a gap. */
  ask(atMs: number): Promise<Reading[]>
}

/**
 * Asks what time it is there, since clocks differ, and every query once, before anything is judged. One that does not answer
 * the first question is asked no other: each would wait for as long.
 * @param agoMs how long before this moment something may have been measured: 0 for what is to be of this release alone
 * @throws InputError for a query that Prometheus cannot read
 */
export async function openQuestions(
  prometheus: Prometheus,
  queries: Condition[],
  agoMs: number,
): Promise<Questions> {
  let since = await readTime(prometheus, agoMs)
  if (typeof since === 'number') for (const each of queries) await refuseUnreadable(prometheus, each)
  return {
    async ask(atMs) {
      // One that was not there at the beginning counts from when it is: what it tells then is newer still.
      if (typeof since !== 'number') since = await readTime(prometheus, agoMs)
      const from = since
      if (typeof from === 'number')
        return Promise.all(queries.map(each => answer(prometheus, each, from, atMs)))
      return queries.map(each => ({ signal: querySignal(each), atMs, ...from }))
    },
  }
}

/** Seconds since 1970, so long ago by Prometheus' clock, or why it is not known. */
async function readTime(prometheus: Prometheus, agoMs: number): Promise<number | { gap: string }> {
  try {
    const [now] = await prometheus.query('time()')
    return now ? now.value - agoMs / 1_000 : { gap: 'Prometheus did not say what time it was' }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    return { gap: messageOf(error) }
  }
}

async function refuseUnreadable(prometheus: Prometheus, { name, expr, where }: Condition): Promise<void> {
  try {
    await prometheus.query(expr)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    if (error.code !== badRequest) return
    throw new InputError(`${where}: ${name} is ${JSON.stringify(expr)}; ${error.message}`, {
      hint: `Fix the query ${name}: try it in the web interface of Prometheus.`,
      cause: error,
    })
  }
}

async function answer(
  prometheus: Prometheus,
  query: Condition,
  since: number,
  atMs: number,
): Promise<Reading> {
  const signal = querySignal(query)
  try {
    const worst = worstOf(query, await prometheus.query(query.expr))
    if ('gap' in worst) return { signal, atMs, ...worst }
    const stale = await findStale(prometheus, query, since)
    return { signal, atMs, ...(stale === undefined ? worst : { gap: stale }) }
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    return { signal, atMs, gap: messageOf(error) }
  }
}

/**
 * Prometheus answers with what it has for five minutes after the last scrape, and a range for as long as it is: of a
 * service that is scraped no more, or not yet, that is the release before.
 * @param since seconds since 1970, by Prometheus' clock: what is older is of no use
 */
async function findStale(
  prometheus: Prometheus,
  { expr }: Condition,
  since: number,
): Promise<string | undefined> {
  for (const { series, range } of selectorsIn(expr)) {
    const [newest] = await prometheus.query(`max(timestamp(${series}))`)
    if (newest && newest.value < since)
      return `the newest ${series} is ${Math.ceil(since - newest.value)} s older than what is judged`
    if (newest || range === '') continue
    const [ended] = await prometheus.query(`count(count_over_time(${series}[${range}]))`)
    if (ended) return `${series} is measured no more: what is left of it is older than what is judged`
  }
  return undefined
}

/** Of several series the one that is nearest to breaking the condition. */
function worstOf(condition: Condition, samples: Sample[]): { value: number; of: string } | { gap: string } {
  const [first] = samples
  if (!first) return { gap: `Prometheus has nothing for ${condition.expr}` }
  if (samples.some(({ value }) => Number.isNaN(value))) return { gap: `${condition.expr} is NaN` }
  const worst = samples.reduce(
    (one, other) => (isWorse(condition, other.value, one.value) ? other : one),
    first,
  )
  return { value: worst.value, of: samples.length > 1 ? labelsOf(worst) : '' }
}
