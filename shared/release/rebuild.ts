import { emptyLedger, type Entry, type Ledger, type ReleaseId } from './ledger.ts'

/** What is still known of a release when the ledger is gone: its record. */
export interface Survivor {
  id: ReleaseId
  version: string
  image: string
  /** It was recorded good once. */
  wasGood: boolean
  /** ISO 8601: when it was recorded. */
  at: string
}

const lost = 'the ledger was lost: how it ended is not known'

/**
 * Makes a ledger out of the records of releases and what is live, when the ledger itself was deleted. What was good is
 * good, but for what is newer than the good release that is live: that was taken back. The newest release is unfinished
 * when it is live and was never good, so that the next run restores the last good one.
 * @param live what the live workload says it is of; null when it says nothing
 */
export function rebuildLedger(
  service: string,
  environment: string,
  survivors: Survivor[],
  live: string | null,
): Ledger {
  const known = survivors.toSorted((a, b) => numberOf(a.id) - numberOf(b.id))
  const good = known.filter(({ wasGood }) => wasGood)
  const serving = (good.find(({ id }) => id === live) ?? good.at(-1))?.id ?? null
  const newest = known.at(-1)
  const open = newest && !newest.wasGood && newest.id === live ? newest.id : null
  const entries = known.map((each): Entry => {
    const { id, version, image, wasGood, at } = each
    const entry = { id, version, image, by: '', run: '', runUrl: '', intendedAt: at }
    if (id === open) return { ...entry, state: 'ready', ...(serving ? { previous: serving } : {}) }
    if (!wasGood) return { ...entry, state: 'bad', settledAt: at, because: lost }
    const isLater = serving !== null && numberOf(id) > numberOf(serving)
    return isLater
      ? { ...entry, state: 'withdrawn', settledAt: at, because: lost }
      : { ...entry, state: 'good', settledAt: at }
  })
  return { ...emptyLedger(service, environment), entries, serving }
}

function numberOf(id: ReleaseId): number {
  return Number(id.slice(1))
}
