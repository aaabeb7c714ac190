import { compareVersions } from '../config/version.ts'
import { find, type Entry, type Ledger, type ReleaseId } from './ledger.ts'

/*
 * A database's schema does not go back with a release. So a release may say which is the oldest version that can live
 * with the schema it leaves behind, and from the moment its migration begins no older version may serve.
 */

/** The floor as it is once this release has migrated the database: it never sinks by itself. */
export function raiseFloor(ledger: Ledger, id: ReleaseId): Ledger {
  const needs = find(ledger, id)?.schemaNeeds
  if (needs === undefined || !livesWith(ledger.floor, needs) || needs === ledger.floor?.version) return ledger
  return { ...ledger, floor: { version: needs, since: id } }
}

/** An operator has confirmed that this version works with the schema of the database. */
export function lowerFloor(ledger: Ledger, { id, version }: Entry): Ledger {
  return livesWith(ledger.floor, version) ? ledger : { ...ledger, floor: { version, since: id } }
}

/** Whether a version can live with a schema. One whose version is not known (`r0`) is taken for the oldest. */
export function livesWith(floor: Ledger['floor'], version: string): boolean {
  return floor === undefined || compareVersions(version, floor.version) >= 0
}

/**
 * Why a release cannot be taken back once it has migrated the database; undefined when it can. A first release has
 * nothing to go back to anyway.
 */
export function cutsTheWayBack(serving: Entry | undefined, needs: string | undefined): string | undefined {
  if (!serving || needs === undefined || compareVersions(serving.version, needs) >= 0) return undefined
  return `its schema needs ${needs} or newer, and ${serving.version} (${serving.id}) serves: that could not be brought back`
}
