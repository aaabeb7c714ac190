import type { ReleaseId } from '../../release/ledger.ts'
import type { Change } from '../target.ts'
import { dropsReplicas, isJob, objectsOf, planApply, withoutReplicas } from './apply.ts'
import { changeOf } from './diff.ts'
import { changeFenced } from './change-fenced.ts'
import type { Done, Fence, Work, Write } from './fence.ts'
import { spareMigrations } from './migrate.ts'
import { tracesOf } from './migrations.ts'
import { describe, keyOf, podTemplate, stamps, type FieldSet, type KubeObject } from './objects.ts'
import {
  difference,
  fieldsOf,
  foreignFields,
  isEmpty,
  pathsOf,
  releaseReplicas,
  takenFields,
  takeOver,
} from './ownership.ts'
import { leftOut, madeOf, removeOwn, type Made } from './prune.ts'
import type { Snapshot } from './records.ts'
import type { KubernetesBody } from './body.ts'
import { scaledBy } from './render.ts'
import type { Place } from './place.ts'
import { unstick } from './unstick.ts'

export interface RestoreRequest {
  good: ReleaseId
  body: KubernetesBody
  /** What others owned when that release became good: it may stay. */
  snapshot: Snapshot
  withdrawn: KubernetesBody | undefined
  /** The release that is taken back. */
  from: ReleaseId | null
  scaled: Set<string>
}

/**
 * Brings a release back whole (DESIGN section 4, "Restored"): recorded fields get their recorded values, by force; what
 * others put into pod templates, data and Service specs since that release was good goes in the same write; what the
 * withdrawn release added is deleted. Jobs are not run again.
 */
export async function restoreRelease(
  place: Place,
  fence: Fence,
  request: RestoreRequest,
): Promise<{ changes: Change[]; made: Made[] }> {
  const { service, adapters } = place
  const { good, body, snapshot, withdrawn, from, scaled } = request
  const objects = objectsOf(body, good, service).filter(object => !isJob(object))
  const added =
    withdrawn && from
      ? await spareMigrations(place, leftOut(tracesOf(withdrawn, from, service), objects))
      : []
  // A scaler that the withdrawn release added would go on to scale while the replicas are set back.
  const scalers = await removeOwn(fence, added.filter(isScaler), place)
  const stillScaled = new Set([...scaled].filter(key => !added.some(each => scaledKey(each) === key)))
  const notes = new Map<KubeObject, string[]>()
  const works = objects.map((object): Work => {
    const withdrawnObject = withdrawn?.manifests.find(each => keyOf(each) === keyOf(object))
    return {
      object,
      plan(live) {
        const { kept, manifest } = keepRotated(object, withdrawnObject, live)
        const taken = live ? takenFields(manifest, live) : []
        const { leftovers, writes } = planRestore(manifest, live, snapshot[keyOf(object)] ?? {}, stillScaled)
        notes.set(object, [
          ...kept.map(key => `data.${key}: changed since by somebody else; kept as it is`),
          ...leftovers.map(path => `${path}: added by somebody else; removed`),
          ...taken.map(({ path, manager }) => `${path}: set by ${manager}; taken back`),
        ])
        return writes
      },
    }
  })
  const done = await changeFenced(fence, works)
  await changeFenced(
    fence,
    done.filter(wasAsleep).map(({ object }) => letGoOfReplicas(object, stillScaled)),
  )
  await unstick(place, fence, objects)
  const removed = await removeOwn(
    fence,
    added.filter(each => !isScaler(each)),
    place,
  )
  const changes = done.map(({ object, before, after }): Change => {
    const change = changeOf(object, before, after)
    const said = notes.get(object) ?? []
    if (said.length === 0) return change
    for (const line of said) adapters.log.warn(`${describe(object)}: ${line}`)
    return { ...change, diff: [change.diff, ...said].filter(Boolean).join('\n') }
  })
  return {
    changes: [...scalers, ...changes, ...removed],
    made: madeOf(done.map(({ after }) => after)),
  }
}

/** It was stopped, and its manifest leaves the number of replicas to others: it was set once, to start it. */
function wasAsleep({ object, before }: Done): boolean {
  return before?.metadata.annotations?.[stamps.stopped] !== undefined && podTemplate(object) !== undefined
}

function letGoOfReplicas(object: KubeObject, scaled: Set<string>): Work {
  const sent = scaled.has(keyOf(object)) ? withoutReplicas(object) : object
  return {
    object,
    plan(live) {
      const managedFields = live && dropsReplicas(sent, live) ? releaseReplicas(live) : undefined
      return managedFields ? [{ type: 'own', managedFields }] : []
    },
  }
}

/**
 * The writes that bring one object back whole.
 * @param tolerated fields that others owned already when the release was good
 */
export function planRestore(
  manifest: KubeObject,
  live: KubeObject | undefined,
  tolerated: FieldSet,
  scaled: Set<string>,
): { writes: Write[]; leftovers: string[] } {
  const writes = planApply(manifest, live, { scaled, conflicts: 'take' })
  if (!live) return { writes, leftovers: [] }
  const first = writes[0]
  const owned =
    first?.type === 'own'
      ? { ...live, metadata: { ...live.metadata, managedFields: first.managedFields } }
      : live
  const foreign = difference(foreignFields(owned), tolerated)
  if (isEmpty(foreign)) return { writes, leftovers: [] }
  const managedFields = takeOver(owned, foreign)
  if (!managedFields) return { writes, leftovers: [] }
  return {
    writes: [{ type: 'own', managedFields }, ...writes.filter(write => write.type !== 'own')],
    leftovers: pathsOf(difference(foreign, fieldsOf(manifest))),
  }
}

/**
 * A Secret whose value is neither what this release nor what the withdrawn one recorded was rotated by somebody in
 * between: going back must not bring a credential back that works no more.
 */
function keepRotated(
  object: KubeObject,
  withdrawn: KubeObject | undefined,
  live: KubeObject | undefined,
): { manifest: KubeObject; kept: string[] } {
  if (object.kind !== 'Secret' || !withdrawn || !live) return { manifest: object, kept: [] }
  const [recorded, released, now] = [dataOf(object), dataOf(withdrawn), dataOf(live)]
  const kept = Object.keys(recorded).filter(
    key =>
      now[key] !== undefined &&
      released[key] !== undefined &&
      now[key] !== released[key] &&
      now[key] !== recorded[key],
  )
  if (kept.length === 0) return { manifest: object, kept }
  const data = { ...recorded, ...Object.fromEntries(kept.map(key => [key, now[key] ?? ''])) }
  return { manifest: { ...object, data }, kept }
}

function dataOf(object: KubeObject): Record<string, string> {
  return (object['data'] ?? {}) as Record<string, string>
}

function scaledKey(object: KubeObject): string {
  const target = scaledBy(object)
  return target ? `apps/${target.kind}/${object.metadata.namespace ?? ''}/${target.name}` : ''
}

function isScaler({ kind }: KubeObject): boolean {
  return kind === 'HorizontalPodAutoscaler'
}
