import type { Evidence } from '../../outcome/outcome.ts'
import type { Change, Payload, Target } from '../../targets/target.ts'
import type { Entry } from '../../release/ledger.ts'

/** A release of a thousand objects is told in as many lines as people read. */
const shownObjects = 40

/** What a release changes against the last good one: for the engineer who looks for the cause of its failure. */
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

/**
 * What was done to the environment's objects as one piece of evidence, none when nothing was; and one for each object that
 * could not be changed.
 */
export function describeChanges(subject: string, changes: Change[]): Evidence[] {
  const changed = changes.filter(({ action, notes }) => action !== 'none' || notes !== undefined)
  return [
    ...refusedOf(changes).map(({ object, why, remedy }): Evidence => ({
      subject: object,
      finding: `could not be restored: ${why}`,
      tone: 'bad',
      detail: remedy,
    })),
    ...(changed.length === 0 ? [] : summarise(subject, changed)),
  ]
}

/** How an object changes, and what else there is to say of it, line by line. */
export function detailLines({ diff, notes = [] }: Change): string[] {
  return [...(diff ? diff.split('\n') : []), ...notes]
}

/** The objects that could not be changed, why, and what is left to do about each. */
export function refusedOf(changes: Change[]): { object: string; why: string; remedy: string }[] {
  return changes.flatMap(({ object, refused }) => (refused ? [{ object, ...refused }] : []))
}

function summarise(subject: string, changes: Change[]): Evidence[] {
  const lines = changes
    .slice(0, shownObjects)
    .map(change =>
      [
        `${change.action === 'none' ? 'kept' : change.action} ${change.object}`,
        ...detailLines(change).map(line => `  ${line}`),
      ].join('\n'),
    )
  const more = changes.length - shownObjects
  if (more > 0) lines.push(`... and ${more} objects more`)
  const finding = changes.length === 1 ? '1 object' : `${changes.length} objects`
  return [{ subject, finding, tone: 'note', detail: lines.join('\n') }]
}
