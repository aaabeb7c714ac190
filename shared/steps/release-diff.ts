import type { Evidence } from '../outcome/outcome.ts'
import type { Change, Payload, Target } from '../targets/target.ts'
import type { Entry } from '../release/ledger.ts'

/** A release of a thousand objects is told in as many lines as people read. */
const shownObjects = 40

/** What a release changes against the last good one: for whoever looks for the cause of its failure. */
export async function describeRelease(
  target: Target,
  good: Entry | undefined,
  payload: Payload,
): Promise<Evidence[]> {
  const before = good && (await target.recall(good.id))
  if (!before) return []
  return describeDifference(`changed since ${good.version} (${good.id})`, target.compare(before, payload))
}

/** Differences as one piece of evidence: a line for each object, with its fields below. */
export function describeDifference(subject: string, changes: Change[]): Evidence[] {
  const changed = changes.filter(({ action }) => action !== 'none')
  if (changed.length === 0) return [{ subject, finding: 'nothing but its name', tone: 'note' }]
  return summarise(subject, changed)
}

/** What was done to the environment's objects, as one piece of evidence; none when nothing was. */
export function describeChanges(subject: string, changes: Change[]): Evidence[] {
  const changed = changes.filter(({ action }) => action !== 'none')
  return changed.length === 0 ? [] : summarise(subject, changed)
}

function summarise(subject: string, changes: Change[]): Evidence[] {
  const lines = changes
    .slice(0, shownObjects)
    .map(({ object, action, diff }) =>
      [`${action} ${object}`, ...(diff ? diff.split('\n').map(line => `  ${line}`) : [])].join('\n'),
    )
  const more = changes.length - shownObjects
  if (more > 0) lines.push(`... and ${more} objects more`)
  const finding = changes.length === 1 ? '1 object' : `${changes.length} objects`
  return [{ subject, finding, tone: 'note', detail: lines.join('\n') }]
}
