import { ToolError } from '../../../outcome/errors.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import type { Change } from '../../target.ts'
import { dropsReplicas, isJob, objectsOf, planApply, scaledKey, withoutReplicas } from '../apply/apply.ts'
import { changeOf } from '../inspect/diff.ts'
import { changeEach, type Refused } from '../apply/change-fenced.ts'
import type { Done, Fence, Work, Write } from '../apply/fence.ts'
import { fitToLive } from '../apply/fit.ts'
import { spareMigrations } from '../migrate/migrate.ts'
import { tracesOf } from '../migrate/migrations.ts'
import { describe, keyOf, podTemplate, stamps, type FieldSet, type KubeObject } from '../manifests/objects.ts'
import {
  difference,
  fieldsOf,
  foreignFields,
  isEmpty,
  knownFields,
  pathsOf,
  releaseReplicas,
  takenFields,
  takeOver,
} from '../ownership/ownership.ts'
import { replaceWithdrawnPods } from '../rollout/on-delete.ts'
import { workloads } from '../manifests/order.ts'
import { leftOut, madeOf, removeEach, type Made } from '../apply/prune.ts'
import type { Snapshot } from '../state/records.ts'
import type { KubernetesBody } from '../apply/body.ts'
import { referencesOf, scaledBy } from '../manifests/render.ts'
import type { Place } from '../state/place.ts'
import { mayReplace, refusalOf, replacedNote } from './restore-refused.ts'
import { isBuiltIn } from '../state.ts'
import { stopWorkloads } from '../stop.ts'
import { unstick } from '../apply/unstick.ts'

/** Seconds that a node has beyond the grace period of a pod to end it. */
const endSlackSeconds = 30
/** How long a node takes to end a pod that the API server has forgotten already, milliseconds. */
const nodeEndMs = 5_000

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

/** What became of a restore, object by object. */
export interface RestoredObjects {
  changes: Change[]
  /** The objects that this suite made, as the release's record keeps them. */
  made: Made[]
}

/**
 * Restores a release whole: recorded fields get their recorded values, by force; what others put into pod templates, data
 * and Service specs since that release was good goes in the same write; what the withdrawn release added is deleted. Jobs
 * are not run again. An object whose change the API server refuses is deleted and created again where that loses nothing;
 * else it stays as it is and is reported, and everything else is restored.
 * @throws ToolError when a workload cannot be restored, after all the others have been
 */
export async function restoreRelease(
  place: Place,
  fence: Fence,
  request: RestoreRequest,
): Promise<RestoredObjects> {
  const { service } = place
  const { good, body, snapshot, withdrawn, from, scaled } = request
  const objects = objectsOf(body, good, service).filter(object => !isJob(object))
  const added =
    withdrawn && from
      ? await spareMigrations(place, leftOut(tracesOf(withdrawn, from, service), objects))
      : []
  // A scaler would go on to scale while the replicas are set back; a policy or quota could refuse what comes back.
  const first = await removeEach(fence, added.filter(comesFirst), place)
  const stillScaled = new Set([...scaled].filter(key => !added.some(each => scalesKey(each) === key)))
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
          ...fitToLive(manifest, live).notes,
          ...kept.map(key => `data.${key}: changed since by another manager; kept as it is`),
          ...leftovers.map(path => `${path}: added by another manager; removed`),
          ...taken.map(({ path, manager }) => `${path}: set by ${manager}; taken back`),
        ])
        return writes
      },
      mayReplace: (error, live) => mayReplace(place, error, object, live),
    }
  })
  const outcome = await changeEach(fence, works, (wave, soFar) =>
    wave === workloads ? dropCached(place, fence, objects, soFar) : Promise.resolve(),
  )
  const released = await changeEach(
    fence,
    outcome.done.filter(wasAsleep).map(({ object }) => letGoOfReplicas(object, stillScaled)),
  )
  await replacePods(place, fence, objects, outcome.done)
  const rest = await removeEach(
    fence,
    added.filter(each => !comesFirst(each)),
    place,
  )
  // What the withdrawn release had added may have been in the way: a port of the node, a host name, a webhook.
  const failed = new Set(outcome.refused.map(({ object }) => object))
  const again = await changeEach(
    fence,
    works.filter(({ object }) => failed.has(object)),
  )
  const done = [...outcome.done, ...again.done]
  const refused = [...first.refused, ...again.refused, ...released.refused, ...rest.refused]
  requireWorkloads(refused)
  return {
    changes: [
      ...first.changes,
      ...done.map(each => withNotes(place, each, notes.get(each.object) ?? [])),
      ...rest.changes,
      ...refused.map(each => reportRefused(place, each)),
    ],
    made: madeOf(done.map(({ after }) => after)),
  }
}

/**
 * Stops the workloads that use what was immutable and has been created again: a node reads such an object once, and gives
 * what it has read to every new pod until no pod of it refers to the object any more.
 */
async function dropCached(place: Place, fence: Fence, objects: KubeObject[], done: Done[]): Promise<void> {
  const { log, signal } = place.adapters
  const stale = done
    .filter(({ replaced, before }) => replaced && before?.['immutable'] === true)
    .map(({ object }) => `${object.kind}/${object.metadata.name}`)
  const users = objects.filter(object => {
    const template = podTemplate(object)
    return template && object.kind !== 'CronJob' && stale.some(each => referencesOf(template).has(each))
  })
  if (users.length === 0) return
  const names = users.map(describe).join(', ')
  log.info(`Stopping ${names}: its nodes keep the earlier ${stale.join(', ')} as long as a pod uses it.`)
  const graces = users.map(each => Number(podTemplate(each)?.spec['terminationGracePeriodSeconds'] ?? 30))
  try {
    const timeoutMs = (Math.max(...graces) + endSlackSeconds) * 1_000
    await stopWorkloads(place, fence, users, { timeoutMs, signal, onProgress: line => log.info(line) })
    // Without a grace period the API server forgets a pod before its node has ended it.
    if (Math.min(...graces) === 0) await place.adapters.clock.sleep(nodeEndMs, signal)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    log.warn(
      `${names} may go on with the earlier ${stale.join(', ')}: ${error.message}. Restart it when it is restored.`,
    )
  }
}

function withNotes({ adapters }: Place, { object, before, after, replaced }: Done, notes: string[]): Change {
  const change = changeOf(object, before, after)
  const lines = replaced ? [replacedNote, ...notes] : notes
  for (const line of lines) adapters.log.warn(`${describe(object)}: ${line}`)
  return lines.length === 0 ? change : { ...change, notes: lines }
}

function reportRefused({ adapters }: Place, { object, error }: Refused): Change {
  const refused = refusalOf(object, error)
  adapters.log.error(`${refused.why}. It stays as it is. ${refused.remedy}`)
  return { object: describe(object), action: 'none', refused }
}

/** A workload that is not restored runs the withdrawn release: then the release is not restored. */
function requireWorkloads(refused: Refused[]): void {
  const first = refused.find(({ object }) => podTemplate(object) !== undefined)
  if (!first) return
  const all = refused.map(({ object, error }) => refusalOf(object, error))
  throw new ToolError(all.map(({ why }) => why).join(' | '), {
    tool: 'Kubernetes API',
    reason: 'rollback-failed',
    hint: refusalOf(first.object, first.error).remedy,
    stderr: all.map(({ why, remedy }) => `${why}\n  ${remedy}`).join('\n'),
    cause: first.error,
  })
}

/** The workloads are restored already: what holds them up is no reason to leave the rest. */
async function replacePods(place: Place, fence: Fence, objects: KubeObject[], done: Done[]): Promise<void> {
  try {
    await unstick(place, fence, objects)
    await replaceWithdrawnPods(place, fence, done)
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    place.adapters.log.warn(`Pods of the withdrawn release may be left: ${error.message}`)
  }
}

/** Kinds that decide what is admitted, or change what is restored while it is. */
const firstKinds = new Set([
  'HorizontalPodAutoscaler',
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicyBinding',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicy',
  'ResourceQuota',
  'LimitRange',
])

function comesFirst(object: KubeObject): boolean {
  return isBuiltIn(object) && firstKinds.has(object.kind)
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
    leftovers: pathsOf(difference(foreign, fieldsOf(manifest, knownFields(live)))),
  }
}

/**
 * A Secret whose value is neither what this release nor what the withdrawn one recorded was rotated in
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

function scalesKey(object: KubeObject): string {
  const target = scaledBy(object)
  return target ? scaledKey(target, object.metadata.namespace ?? '') : ''
}
