import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import { fieldManager, type KubeObject } from '../manifests/objects.ts'
import { isEmpty, othersOwn } from '../ownership/ownership.ts'
import { staleDefaults, without, withFields } from '../restore/stale-defaults.ts'

const tried = { fieldManager, fieldValidation: 'Strict', dryRun: 'All' }

/**
 * Asks the API server what an object would be after an apply as `planApply` plans it.
 * @param object what is applied
 * @param force takes fields from other managers
 * @returns the object as it would be
 * @throws ApiError as the apply itself would
 */
export async function dryRunApply(
  client: Client,
  path: string,
  object: KubeObject,
  live: KubeObject | undefined,
  force: boolean,
): Promise<KubeObject> {
  const apply = (sent: KubeObject) => client.patch(path, 'apply', sent, { ...tried, force: String(force) })
  const { stale, excluded } = live ? staleDefaults(object, live) : { stale: {}, excluded: {} }
  const kept = live !== undefined && !force && othersOwn(live, stale)
  if (isEmpty(stale) || kept) return apply(object)
  if (!isEmpty(excluded)) {
    // Refused it is in any case; this finds what else is wrong with the field owners.
    const conflict = await apply(object).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (conflict instanceof ApiError && conflict.conflicts.length > 0) throw conflict
  }
  // The apply owns the stale fields first, which a dry run cannot: it is tried without what they exclude, then as a whole.
  const rest = await apply(without(object, excluded) as KubeObject)
  const whole = withFields(without(rest, stale), object, excluded) as KubeObject
  const { spec, metadata } = whole
  return client.patch(
    path,
    'json',
    [
      { op: 'add', path: '/spec', value: spec },
      { op: 'add', path: '/metadata/labels', value: metadata.labels ?? {} },
      { op: 'add', path: '/metadata/annotations', value: metadata.annotations ?? {} },
    ],
    tried,
  )
}
