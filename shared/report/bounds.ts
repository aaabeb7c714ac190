import { cutMiddle } from '../outcome/cut.ts'
import type { Evidence, Outcome } from '../outcome/outcome.ts'

/** What a job may put out is 1 MB in all, and a job has several steps. */
const mostBytes = 192 * 1024
const mostItems = 200
const longestFinding = 2_000
/** Logs of forty lines and diffs of a few objects are whole in this; of longer ones both ends are kept. */
const longestDetail = 24 * 1024
const keptHead = 8 * 1024

/** An Outcome that fits into outputs, summaries and messages, whatever others wrote into it. */
export function bounded(outcome: Outcome): Outcome {
  const kept: Evidence[] = []
  let bytes = 0
  for (const each of outcome.evidence.slice(0, mostItems)) {
    const short = shortened(each)
    bytes += Buffer.byteLength(JSON.stringify(short))
    if (bytes > mostBytes) break
    kept.push(short)
  }
  const more = outcome.evidence.length - kept.length
  if (more > 0) kept.push({ subject: 'evidence', finding: `${more} more are left out here`, tone: 'note' })
  return { ...outcome, summary: ends(outcome.summary, longestFinding), evidence: kept }
}

function shortened({ detail, ...rest }: Evidence): Evidence {
  const finding = ends(rest.finding, longestFinding)
  return { ...rest, finding, ...(detail === undefined ? {} : { detail: ends(detail, longestDetail) }) }
}

/** The first and the last part of a text: what it is about, and how it ended. */
function ends(text: string, most: number): string {
  const head = Math.min(keptHead, Math.floor(most / 3))
  const tail = most - head
  const mark = `\n... ${text.length - most} characters left out ...\n`
  return cutMiddle(text, most, head, tail, mark)
}
