import { InputError, ToolError } from '../../../outcome/errors.ts'
import type { Log } from '../../../host/log.ts'
import type { Change } from '../../target.ts'
import { permitted } from '../api/api-error.ts'
import { changeEach, changeFenced, type Refused } from './change-fenced.ts'
import type { Done, Fence, Work } from './fence.ts'
import { describe, keyOf, stamps, type KubeObject } from '../manifests/objects.ts'
import { claimsOwnedBy, isBuiltIn, mayBeDeleted } from '../state.ts'

/** An object that this suite made, as a release's record keeps it. */
export interface Made {
  apiVersion: string
  kind: string
  /** Absent for an object of the cluster. */
  namespace?: string
  name: string
  /** An object of the same name that was made anew has another one. */
  uid: string
}

/** Objects of `before` that `after` has no more, last applied first. */
export function leftOut(before: KubeObject[], after: KubeObject[]): KubeObject[] {
  const kept = new Set(after.map(keyOf))
  return before.filter(object => !kept.has(keyOf(object)) && mayBeDeleted(object)).toReversed()
}

/** The live objects that this suite made: their mark says so. */
export function madeOf(live: (KubeObject | undefined)[]): Made[] {
  return live.flatMap(object => {
    if (!object || !mayBeDeleted(object) || object.metadata.annotations?.[stamps.made] === undefined)
      return []
    const { name, namespace, uid = '' } = object.metadata
    const { apiVersion, kind } = object
    return [{ apiVersion, kind, ...(namespace === undefined ? {} : { namespace }), name, uid }]
  })
}

/** What was made and is not among a release's objects any more. */
export function pruned(made: Made[], objects: KubeObject[]): Made[] {
  const kept = new Set(objects.map(keyOf))
  return made.filter(each => !kept.has(keyOf(objectOf(each))))
}

/** Those that are there still, as this suite made them. */
export async function stillThere(
  { client, paths }: Pick<Fence, 'client' | 'paths'>,
  made: Made[],
  owner: Owner,
): Promise<Made[]> {
  const found = await Promise.all(
    made.map(async each => {
      // A kind whose definition is gone has no objects left.
      const path = await paths.of(objectOf(each)).catch((error: unknown) => {
        if (error instanceof InputError) return undefined
        throw error
      })
      const live = path === undefined ? undefined : await client.get(path)
      return live?.metadata.uid === each.uid && isOwn(live, owner)
    }),
  )
  return made.filter((_each, index) => found[index])
}

export function objectOf({ apiVersion, kind, namespace, name }: Made): KubeObject {
  return { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }
}

/** For people: `Deployment production/runbook-api`. */
export function describeMade(made: Made): string {
  return describe(objectOf(made))
}

/** True when this suite made the live object for the same service and environment, and no other manager has taken it over since. */
export function isOwn({ metadata }: KubeObject, place: Owner): boolean {
  const { labels = {}, annotations = {} } = metadata
  return (
    labels[stamps.service] === place.service &&
    annotations[stamps.made] !== undefined &&
    (metadata.namespace !== undefined || labels[stamps.namespace] === place.namespace)
  )
}

/** Whose objects they are. */
export interface Owner {
  service: string
  namespace: string
}

/**
 * Deletes objects, if they are this suite's work still. One that was there before, that was made anew, or taken
 * over, is left.
 */
export async function removeOwn(fence: Fence, objects: KubeObject[], owner: Owner): Promise<Change[]> {
  const { free } = await spareClaims(fence, objects, owner)
  return removals(await changeFenced(fence, deletions(free, owner)))
}

/** The same, but an object that cannot be deleted keeps no other from being deleted. */
export async function removeEach(
  fence: Fence,
  objects: KubeObject[],
  owner: Owner,
): Promise<{ changes: Change[]; refused: Refused[] }> {
  const { free, kept } = await spareClaims(fence, objects, owner)
  const { done, refused } = await changeEach(fence, deletions(free, owner))
  return { changes: [...removals(done), ...kept], refused }
}

/**
 * Takes out the custom resources that own claims: the garbage collector would delete those, and the data, with them. An
 * account that may not list claims cannot tell; then none is taken out.
 */
async function spareClaims(
  { client, paths }: Fence,
  objects: KubeObject[],
  { namespace }: Owner,
): Promise<{ free: KubeObject[]; kept: Change[] }> {
  if (objects.every(isBuiltIn)) return { free: objects, kept: [] }
  const claims = await permitted(client.list(`/api/v1/namespaces/${namespace}/persistentvolumeclaims`))
  const free: KubeObject[] = []
  const kept: Change[] = []
  for (const object of objects) {
    const path = isBuiltIn(object) ? undefined : await paths.of(object).catch(() => undefined)
    const live = path === undefined ? undefined : await client.get(path)
    const owned = live ? claimsOwnedBy(live, claims?.items ?? []) : []
    if (owned.length === 0) free.push(object)
    else kept.push({ object: describe(object), action: 'none', notes: [keptNote(owned)] })
  }
  return { free, kept }
}

function keptNote(claims: string[]): string {
  return `stays, although no release has it any more: its claims ${claims.join(', ')} would be deleted with it; delete it by hand when their data is not needed`
}

function deletions(objects: KubeObject[], owner: Owner): Work[] {
  return objects.map(object => ({
    object,
    plan: live => (live && isOwn(live, owner) ? [{ type: 'delete' }] : []),
  }))
}

/**
 * Deletes what left the manifests: an object that the ledger says this suite made, which bears its label and mark, and
 * has the very UID still. What cannot be deleted is left for the next release to try; it is no reason to take a good
 * release back.
 */
export async function prune(fence: Fence, made: Made[], owner: Owner, log: Log): Promise<Change[]> {
  const changes: Change[] = []
  for (const each of made.toReversed()) {
    const work: Work = {
      object: objectOf(each),
      plan: live => (live?.metadata.uid === each.uid && isOwn(live, owner) ? [{ type: 'delete' }] : []),
    }
    try {
      const { free, kept } = await spareClaims(fence, [work.object], owner)
      for (const { object, notes = [] } of kept) log.warn(`${object}: ${notes.join('; ')}`)
      if (free.length > 0) changes.push(...removals(await changeFenced(fence, [work])))
    } catch (error) {
      if (!(error instanceof ToolError)) throw error
      log.warn(
        `${describe(work.object)} left the manifests and could not be removed: ${error.message} ${error.hint}`,
      )
    }
  }
  return changes
}

function removals(done: Done[]): Change[] {
  return done
    .filter(({ before, after }) => before && !after)
    .map(({ object }): Change => ({ object: describe(object), action: 'delete' }))
}
