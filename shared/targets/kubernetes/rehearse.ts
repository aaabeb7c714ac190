import type { Change } from '../target.ts'
import { ApiError } from './api-error.ts'
import { explainConflict, isJob, leftOut, objectsOf, planApply, scaledWorkloads } from './apply.ts'
import { changeOf } from './diff.ts'
import { describe, fieldManager, isDefinedBy, type KubeObject } from './objects.ts'
import { isNew } from './ownership.ts'
import type { KubernetesBody } from './render.ts'
import type { Place } from './tenure.ts'

/**
 * Asks the API server to try every object without keeping any: what would change, and what would be refused.
 * @throws ToolError as the apply itself would
 */
export async function rehearse(place: Place, body: KubernetesBody): Promise<Change[]> {
  const { client, paths, service, namespace, lease, records } = place
  const [scaled, { ledger, slots }] = await Promise.all([scaledWorkloads(client, namespace), lease.read()])
  const objects = objectsOf(body, 'r0', service)
  const trying = objects.map(async object => {
    const path = await paths.of(object).catch((error: unknown) => {
      if (isDefinedBy(object, objects)) return undefined
      throw error
    })
    // Its kind comes with this release: there is nothing yet that could try it.
    if (path === undefined) return changeOf(object, undefined, object)
    const live = await client.get(path)
    const after = await dryRun(place, path, object, live, scaled)
    return changeOf(object, live, after)
  })
  const serving = ledger.serving
  const removing = async (): Promise<Change[]> => {
    const record = serving && (await records.load(serving, slots[serving] ?? []))
    if (!record) return []
    const before = objectsOf(record.body, serving, service).filter(object => !isJob(object))
    return leftOut(before, objects).map(object => ({ object: describe(object), action: 'delete' }))
  }
  const [changes, removals] = await Promise.all([settleAll(trying), removing()])
  return [...changes, ...removals]
}

/** What an object would be after the apply. */
async function dryRun(
  { client, adapters }: Place,
  path: string,
  object: KubeObject,
  live: KubeObject | undefined,
  scaled: Set<string>,
): Promise<KubeObject> {
  const planned = planApply(object, live, scaled, false).find(write => write.type === 'apply')
  if (!planned) throw new Error(`nothing is planned for ${describe(object)}`)
  try {
    return await client.patch(path, 'apply', planned.object, {
      fieldManager,
      fieldValidation: 'Strict',
      dryRun: 'All',
      // At a first contact the ownership is migrated before the apply; a trial can only pass over it.
      force: String(live !== undefined && isNew(live)),
    })
  } catch (error) {
    const homeless = !live && error instanceof ApiError && error.status === 404
    if (!homeless) throw explainConflict(error)
    adapters.log.debug(`${describe(object)} cannot be tried before its namespace is there.`)
    return object
  }
}

/** Waits for all, so that no request is under way when the first failure is told. */
async function settleAll<T>(work: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}
