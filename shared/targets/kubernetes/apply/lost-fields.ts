import { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import { toJson } from '../api/json.ts'
import { fieldManager, podTemplate, type FieldSet, type KubeObject } from '../manifests/objects.ts'
import {
  childOf,
  difference,
  fieldsOf,
  fieldsOfDeployers,
  isEmpty,
  knownFields,
  pathsOf,
} from '../ownership/ownership.ts'

/**
 * What a first release removes from an object: fields that a deployment tool owns, and its manifest does not name. A tool
 * that created the object owns the defaults of the API server, too; those come again and are not meant.
 * @returns a line each, for the plan
 */
export async function lostAtFirstContact(
  client: Client,
  path: string,
  object: KubeObject,
  live: KubeObject,
): Promise<string[]> {
  const { 'f:spec': spec, 'f:data': data } = difference(
    fieldsOfDeployers(live),
    fieldsOf(object, knownFields(live)),
  )
  const lost: FieldSet = spec ? { 'f:spec': spec } : {}
  const after = spec ? await withoutOthers(client, path, object) : undefined
  const changed = after ? changedFields(lost, live, after) : lost
  const kept = podTemplate(object) && object.spec?.['replicas'] === undefined ? 'spec.replicas' : ''
  return pathsOf({ ...changed, ...(data ? { 'f:data': data } : {}) })
    .filter(each => each !== kept)
    .map(each => `-${each} (not in the manifest)`)
}

/** The live object as it would be with the manifest's specification alone; undefined where the API server takes no such change. */
async function withoutOthers(
  client: Client,
  path: string,
  { spec }: KubeObject,
): Promise<KubeObject | undefined> {
  try {
    return await client.patch(path, 'json', [{ op: 'add', path: '/spec', value: spec }], {
      fieldManager,
      dryRun: 'All',
    })
  } catch (error) {
    if (error instanceof ApiError) return undefined
    throw error
  }
}

/** Of a set of fields of `before` those that `after` has otherwise, or not at all. */
export function changedFields(fields: FieldSet, before: unknown, after: unknown): FieldSet {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, inner]): [string, FieldSet][] => {
      if (key === '.') return []
      const [found, left] = [childOf(before, key), childOf(after, key)]
      if (toJson(found) === toJson(left)) return []
      if (left === undefined || isEmpty(inner)) return [[key, inner]]
      const below = changedFields(inner, found, left)
      return isEmpty(below) ? [] : [[key, below]]
    }),
  )
}
