import { lowerFloor } from './floor.ts'
import {
  beginRestore,
  find,
  unsettled,
  type DatabaseReturn,
  type Entry,
  type Ledger,
  type ReleaseId,
} from './ledger.ts'

/*
 * A release and its database go back together. The backup is restored beside the live database, and compared, before
 * anything is written down or touched. From `beginReturn` on, each run that finds the environment does the same: look which
 * database bears the live name, stop what writes, swap; or, when it cannot be swapped, drop the restored one and give up.
 * Only then is a release started, so that none ever meets a database that it was not meant for.
 *
 *   beginReturn -> stop -> swap -> endReturn -> the release is brought back -> endRestore
 *        \______\______\-> abandonReturn: what served before is brought back, on the database as it was
 */

/** What the server says of a database that is being put back. */
export type Seen =
  /** It bears the live name: all that is left is to bring the release back. */
  | 'swapped'
  /** It is there, under its own name. */
  | 'waiting'
  /** It is nowhere: the live database is the one that was. */
  | 'gone'

/**
 * Which of the three it is, by the server's own numbers: names can be given twice, and taken away.
 * @param live number of the database that bears the live name, if there is one
 * @param restored number of the one that bears the restored one's name, if there is one
 */
export function seen(
  { oid }: Pick<DatabaseReturn, 'oid'>,
  live: string | undefined,
  restored: string | undefined,
): Seen {
  if (live === oid) return 'swapped'
  return restored === oid ? 'waiting' : 'gone'
}

/**
 * The release whose backup is of the last moment at which `back` served: of all that came after it, one upon the other,
 * the first. Its backup holds what `back` left behind, and nothing that a newer release has made of it.
 * @returns undefined when what is there did not come from `back`
 */
export function firstAfter(ledger: Ledger, back: ReleaseId): Entry | undefined {
  const there = unsettled(ledger)?.id ?? ledger.restoring?.from ?? ledger.serving
  let entry = find(ledger, there)
  // A release is newer than what it was deployed upon; anything else would be a circle.
  for (let steps = ledger.entries.length; entry && steps > 0; steps--) {
    if (entry.previous === back) return entry
    entry = entry.previous && find(ledger, entry.previous)
  }
  return undefined
}

/** Writes down, before anything is touched, that a release comes back together with its database. */
export function beginReturn(
  ledger: Ledger,
  back: ReleaseId,
  database: Omit<DatabaseReturn, 'otherwise'>,
  at: string,
  because: string,
): Ledger {
  const { serving } = ledger
  if (serving === null) throw new Error('nothing serves that could be taken back')
  const begun = beginRestore(ledger, back, at, because)
  return begun.restoring
    ? { ...begun, restoring: { ...begun.restoring, database: { ...database, otherwise: serving } } }
    : begun
}

/**
 * The database is back: its schema is the one that the release left, and what newer releases did to it has to be done
 * again when they come again.
 */
export function endReturn(ledger: Ledger): Ledger {
  const { restoring } = ledger
  const back = find(ledger, ledger.serving)
  if (!restoring?.database || !back) return ledger
  const { database: _done, ...rest } = restoring
  const since = ledger.entries.indexOf(back) + 1
  const entries = ledger.entries.map((entry, index): Entry => {
    const { migrated: _undone, ...others } = entry
    return index < since ? entry : others
  })
  return lowerFloor({ ...ledger, entries, restoring: rest }, back)
}

/** The database cannot be put back, and is as it was: so is what serves upon it. */
export function abandonReturn(ledger: Ledger, at: string): Ledger {
  const { restoring } = ledger
  if (!restoring?.database) return ledger
  const { database, ...rest } = restoring
  const because = 'its database could not be put back'
  return beginRestore({ ...ledger, restoring: rest }, database.otherwise, at, because)
}
