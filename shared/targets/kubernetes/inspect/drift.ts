import type { Drift } from '../../target.ts'
import { ApiError } from '../api/api-error.ts'
import { isJob, objectsOf, planApply, scaledWorkloads } from '../apply/apply.ts'
import { describeDeletion, isBeingDeleted } from '../apply/deletion.ts'
import { dryRunApply } from '../apply/dry-run.ts'
import { changedFields, fieldNames } from '../ownership/fields.ts'
import { describe, keyOf, type KubeObject } from '../manifests/objects.ts'
import {
  difference,
  foreignFields,
  managersAt,
  managersOf,
  ownsField,
  pathsOf,
} from '../ownership/ownership.ts'
import type { Snapshot } from '../state/records.ts'
import type { Place } from '../state/place.ts'

/**
 * What of the release that serves is not as it was recorded, and who changed it. The API server itself is asked what a
 * restore would change (a dry run), so that defaults and other ways to write a quantity are no drift.
 */
export async function readDrift(place: Place): Promise<Drift[]> {
  const { client, namespace, lease, records, service } = place
  const [scaled, { ledger, slots }] = await Promise.all([scaledWorkloads(client, namespace), lease.read()])
  const { serving } = ledger
  const record = serving && (await records.load(serving, slots[serving] ?? []))
  if (!serving || !record) return []
  const objects = objectsOf(record.body, serving, service).filter(object => !isJob(object))
  const found = await Promise.all(objects.map(object => driftOf(place, object, record.snapshot, scaled)))
  return found.flat()
}

async function driftOf(
  place: Place,
  object: KubeObject,
  snapshot: Snapshot,
  scaled: Set<string>,
): Promise<Drift[]> {
  const name = describe(object)
  const compared = await changesOf(place, object, scaled).catch((error: unknown) => {
    if (isRefused(error)) return error
    throw error
  })
  if (compared instanceof ApiError)
    return [{ object: name, what: `cannot be set to what is recorded: ${compared.message}`, by: '' }]
  const { live, changed } = compared
  if (!live) return [{ object: name, what: 'is gone', by: '' }]
  if (isBeingDeleted(live)) return [{ object: name, what: describeDeletion(live), by: '' }]
  const added = pathsOf(difference(foreignFields(live), snapshot[keyOf(object)] ?? {}))
  const known = new Set(changed.map(({ field }) => plain(field)))
  const more = added
    .filter(field => ![...known].some(each => each.startsWith(plain(field))))
    .map((field): Drift => ({ object: name, what: `${field} was added`, by: managersOf(live, field) }))
  return [...changed.map(({ drift }) => drift), ...more]
}

/** The API server would not take the recorded object in place of the live one. */
function isRefused(error: unknown): error is ApiError {
  return (
    error instanceof ApiError && [400, 403, 422].includes(error.status) && error.reason !== 'access-denied'
  )
}

/**
 * One object as it lives, and the recorded fields that have been given another value there since it was applied. What
 * admission made of a value is no change: this suite owns the field still. Nor is what admission would add today.
 */
export async function changesOf(
  place: Place,
  object: KubeObject,
  scaled: Set<string>,
): Promise<{ live: KubeObject | undefined; changed: { field: string; drift: Drift }[] }> {
  const path = await place.paths.of(object)
  const live = await place.client.get(path)
  const planned =
    live && planApply(object, live, { scaled, conflicts: 'take' }).find(write => write.type === 'apply')
  if (!planned) return { live, changed: [] }
  const recorded = await admitted(place, path, planned.object, live)
  const named = fieldNames(planned.object, live)
  const changed = changedFields(live, recorded ?? merged(live, planned.object))
    .filter(({ field, keys, to }) => {
      // Without a dry run, what a manifest does not name may be a default.
      if (to === undefined) return recorded !== undefined
      return named.has(field) && !ownsField(live, keys)
    })
    .map(({ field, keys, from, to }) => {
      const what =
        from === undefined ? `${field} was removed` : `${field} is ${from}, recorded as ${to ?? 'nothing'}`
      return { field, drift: { object: describe(object), what, by: managersAt(live, keys) } }
    })
  return { live, changed }
}

/** What the API server would make of an object; undefined where a webhook of the cluster takes no dry runs. */
async function admitted(
  { client }: Place,
  path: string,
  object: KubeObject,
  live: KubeObject,
): Promise<KubeObject | undefined> {
  try {
    return await dryRunApply(client, path, object, live, true)
  } catch (error) {
    if (error instanceof ApiError && error.takesNoDryRun) return undefined
    throw error
  }
}

/** A live object with all that a manifest names; lists of the manifest take the place of the live ones. */
function merged<T>(live: T, manifest: unknown): T {
  if (!isMap(live) || !isMap(manifest)) return manifest as T
  const entries = Object.entries(manifest).map(([key, each]) => [key, merged(live[key], each)])
  return { ...live, ...Object.fromEntries(entries) } as T
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Changed fields say `containers[api]` where ownership says `containers[name=api]`. */
function plain(field: string): string {
  return field.replaceAll('[name=', '[')
}
