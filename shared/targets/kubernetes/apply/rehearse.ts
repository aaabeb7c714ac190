import { toJson } from '../api/json.ts'
import { ToolError } from '../../../outcome/errors.ts'
import type { Change, Conflicts } from '../../target.ts'
import { ApiError, type Conflict } from '../api/api-error.ts'
import {
  dropsReplicas,
  isJob,
  objectsOf,
  planApply,
  resumes,
  scaledWorkloads,
  type Applying,
} from './apply.ts'
import { awaitDeletion, isBeingDeleted } from './deletion.ts'
import { changeOf } from '../inspect/diff.ts'
import { dryRunApply } from './dry-run.ts'
import { explain, together } from '../rollout/explain.ts'
import { fitToLive } from './fit.ts'
import { readListed } from '../manifests/listed.ts'
import { workloadPath } from '../inspect/live.ts'
import { lostAtFirstContact } from './lost-fields.ts'
import { noNamespace, requireNamespace } from '../api/namespace.ts'
import { describe, isDefinedBy, keyOf, podTemplate, stamps, type KubeObject } from '../manifests/objects.ts'
import { waveOf, waves } from '../manifests/order.ts'
import { isNew, isOfDeployer } from '../ownership/ownership.ts'
import { inPool } from '../api/pool.ts'
import { refuseOrphans } from '../state/orphans.ts'
import { describeMade, isOwn, objectOf, pruned, stillThere } from './prune.ts'
import type { KubernetesBody } from './body.ts'
import type { Place } from '../state/place.ts'
import { mayBeDeleted } from '../state.ts'
import { mayReplace, refusalOf, replacedNote } from '../restore/restore-refused.ts'
import { tryPod } from '../rollout/trial-pod.ts'

/** Objects that are tried side by side; no more of them are in memory at once. */
const trials = 16
/** How long an object that is being deleted may take to be gone: a cloud takes about that to remove a load balancer. */
const deletionMs = 60_000
/** Workloads whose pods are tried too: the rules of a namespace take the pods of one service alike. */
const podTrials = 50

interface Rehearsal {
  place: Place
  objects: KubeObject[]
  applying: Applying
  /** What a refusal by the API server comes to. @throws the refusal where it ends the release */
  onRefused(error: unknown, object: KubeObject, live: KubeObject | undefined): Promise<Change>
  /** Definitions that are new or would change: nothing can say yet whether their objects would be taken. */
  unsettled: KubeObject[]
}

/**
 * Asks the API server to try every object, and a pod of every workload, without keeping any: what would change, and all
 * that would be refused.
 * @throws ToolError with the reason of the first refusal; the others are in its text
 */
export function rehearse(
  place: Place,
  body: KubernetesBody,
  conflicts: Conflicts = 'stop',
): Promise<Change[]> {
  return rehearseWith(place, body, conflicts, error => {
    throw error
  })
}

/**
 * The same for the restore of a recorded release: what the API server does not take as a change may be deleted and created
 * again, and only a workload has to be restored in any case.
 * @throws ToolError with the reason of the first refusal that would end the restore
 */
export function rehearseRestore(place: Place, body: KubernetesBody): Promise<Change[]> {
  return rehearseWith(place, body, 'take', async (error, object, live) => {
    if (!(error instanceof ToolError)) throw error
    const { cause } = error
    if (live && cause instanceof ApiError && (await mayReplace(place, cause, object, live)))
      return { object: describe(object), action: 'update', notes: [replacedNote] }
    if (podTemplate(object)) throw error
    return { object: describe(object), action: 'none', refused: refusalOf(object, error) }
  })
}

async function rehearseWith(
  place: Place,
  body: KubernetesBody,
  conflicts: Conflicts,
  onRefused: Rehearsal['onRefused'],
): Promise<Change[]> {
  const { client, service, namespace, lease, records } = place
  // First, since in a namespace that is not there every other question is answered with a right that is missing.
  await requireNamespace(place)
  const [scaled, { ledger, slots }] = await Promise.all([scaledWorkloads(client, namespace), lease.read()])
  const objects = objectsOf(body, 'r0', service)
  const rehearsal: Rehearsal = { place, objects, applying: { scaled, conflicts }, onRefused, unsettled: [] }
  const removing = async (): Promise<Change[]> => {
    const serving = ledger.serving
    const record = serving && (await records.load(serving, slots[serving] ?? []))
    const left = await stillThere(place, pruned(record?.made ?? [], objects), place)
    const keys = new Set(left.map(each => keyOf(objectOf(each))))
    refuseOrphans(objects, record?.body.manifests.filter(object => keys.has(keyOf(object))) ?? [])
    return left.map(each => ({ object: describeMade(each), action: 'delete' }))
  }
  const definitions = objects.filter(object => waveOf(object) === waves[0])
  const others = objects.filter(object => waveOf(object) !== waves[0])
  const workloads = others.filter(object => podTemplate(object)).slice(0, podTrials)
  const foundation = await tryAll(rehearsal, definitions, [])
  rehearsal.unsettled = definitions.filter((_each, index) => foundation[index]?.action !== 'none')
  const [changes, removals] = await Promise.all([tryAll(rehearsal, others, workloads), removing()])
  if (ledger.entries.length === 0) await warnOfUnrecorded(place, [...foundation, ...changes])
  return [...foundation, ...changes, ...removals]
}

/** Where the workload is not there yet, nothing is recorded before the first release that its rollback could restore. */
async function warnOfUnrecorded(
  { client, namespace, workload, adapters }: Place,
  changes: Change[],
): Promise<void> {
  const changed = changes.filter(({ action }) => action === 'update').map(({ object }) => object)
  if (changed.length === 0 || (await client.get(workloadPath(namespace, workload)))) return
  adapters.log.warn(
    `${workload} is not there yet, so this first release has nothing to go back to: if it fails, what it changes in ${changed.join(', ')} stays. Save these first (kubectl get -o yaml).`,
  )
}

async function tryAll(
  rehearsal: Rehearsal,
  objects: KubeObject[],
  workloads: KubeObject[],
): Promise<Change[]> {
  const known = await readListed(rehearsal.place, objects)
  const withPod = new Set(workloads)
  const results = await inPool(objects, trials, object =>
    tryObject(rehearsal, object, known, withPod.has(object)),
  )
  const refused = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []))
  if (refused.length > 0) throw together(refused)
  return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
}

async function tryObject(
  rehearsal: Rehearsal,
  object: KubeObject,
  known: Map<KubeObject, KubeObject | undefined>,
  withPod: boolean,
): Promise<Change> {
  const { place, objects, applying, unsettled } = rehearsal
  const { client, paths } = place
  const path = await paths.of(object).catch((error: unknown) => {
    if (isDefinedBy(object, objects)) return undefined
    throw error
  })
  // Its kind comes with this release: there is nothing yet that could try it.
  if (path === undefined) return changeOf(object, undefined, object)
  const found = known.has(object)
    ? known.get(object)
    : await client.get(path).catch((error: unknown) => {
        throw explain(error, object)
      })
  const live = found && isBeingDeleted(found) ? await awaitGone(place, path, { ...object, ...found }) : found
  if (live && applying.conflicts === 'stop') refuseForeign(place, object, live)
  if (isDefinedBy(object, unsettled)) {
    return {
      object: describe(object),
      action: live ? 'update' : 'create',
      diff: untried('its definition changes'),
    }
  }
  const [tried, pod] = await Promise.allSettled([
    dryRun(rehearsal, path, object, live),
    withPod ? tryPod(place, object, live, objects) : undefined,
  ])
  if (tried.status === 'rejected') return rehearsal.onRefused(tried.reason, object, live)
  if (pod.status === 'rejected') throw pod.reason
  const after = tried.value
  if (typeof after === 'string') {
    return { object: describe(object), action: live ? 'update' : 'create', diff: untried(after) }
  }
  if (live) refusePaused(place, object, live, after)
  const change = changeOf(object, live, after)
  const lost = live && isNew(live) ? await lostAtFirstContact(place.client, path, object, live) : []
  const { notes } = fitToLive(object, live)
  return {
    ...change,
    ...(lost.length > 0
      ? { action: 'update' as const, diff: [change.diff, ...lost].filter(Boolean).join('\n') }
      : {}),
    ...(notes.length > 0 ? { notes } : {}),
  }
}

/** What is being deleted cannot be changed, and cannot be created before it is gone. */
function awaitGone(
  { client, adapters: { clock, signal, log } }: Place,
  path: string,
  live: KubeObject,
): Promise<KubeObject | undefined> {
  return awaitDeletion({ client, clock, signal, tell: line => log.info(line) }, path, live, deletionMs)
}

function untried(why: string): string {
  return `(not tried: ${why})`
}

/**
 * What an object would be after the apply, or why nothing can say so.
 * @throws ToolError as the apply itself would
 */
async function dryRun(
  { place: { client, adapters }, applying }: Rehearsal,
  path: string,
  object: KubeObject,
  live: KubeObject | undefined,
): Promise<KubeObject | string> {
  const planned = planApply(object, live, { ...applying, conflicts: 'stop' }).find(
    write => write.type === 'apply',
  )
  if (!planned) throw new Error(`nothing is planned for ${describe(object)}`)
  // They are let go of before the apply; a trial can only name the number that is there.
  const sent =
    live && dropsReplicas(planned.object, live)
      ? { ...planned.object, spec: { ...planned.object.spec, replicas: live.spec?.['replicas'] } }
      : planned.object
  const attempt = (force: boolean) => dryRunApply(client, path, sent, live, force)
  try {
    return await attempt(false).catch((error: unknown) => {
      if (!(error instanceof ApiError) || error.conflicts.length === 0 || !live) throw error
      const foreign = error.conflicts.filter(each => !isTakenFirst(each, object, live))
      if (foreign.length > 0 && applying.conflicts === 'stop') throw error
      for (const { field, manager } of foreign)
        adapters.log.warn(`${describe(object)}: ${field} is taken from ${manager}.`)
      return attempt(true)
    })
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const missing = error.missingNamespace
    if (missing !== undefined) throw noNamespace(missing, client.server)
    if (error.takesNoDryRun) return 'a webhook of the cluster takes no dry runs'
    throw explain(error, object)
  }
}

/** Ownership that the apply moves to this suite beforehand, which a dry run cannot: see `planApply`. */
function isTakenFirst(conflict: Conflict, object: KubeObject, live: KubeObject): boolean {
  return (
    (isNew(live) && isOfDeployer(conflict)) || (conflict.field === 'spec.paused' && resumes(object, live))
  )
}

/** Two services, or two environments of one cluster, that ship the same object would undo each other's work for ever. */
function refuseForeign(place: Place, object: KubeObject, live: KubeObject): void {
  const { labels = {}, ownerReferences = [] } = live.metadata
  const controller = ownerReferences.find(each => each.controller === true)
  if (controller) {
    throw new ToolError(`${describe(object)} is controlled by ${controller.kind} ${controller.name}`, {
      tool: 'Kubernetes API',
      reason: 'field-conflict',
      hint: `Its controller would undo what the release changes: take it out of the manifests, or change ${controller.kind} ${controller.name} instead; force-conflicts: true changes it all the same.`,
    })
  }
  const owner = labels[stamps.service]
  if (owner === undefined || !mayBeDeleted(object) || isOwn(marked(live), place)) return
  const whose =
    owner === place.service
      ? `the environment in namespace ${labels[stamps.namespace] ?? ''}`
      : `the service ${owner}`
  throw new ToolError(`${describe(object)} belongs to ${whose}`, {
    tool: 'Kubernetes API',
    reason: 'field-conflict',
    hint: 'Give it a name of its own here, or take it out of one of the two; force-conflicts: true takes it over.',
  })
}

/** As if this suite had made it: who made it does not matter here. */
function marked(object: KubeObject): KubeObject {
  const { metadata } = object
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, [stamps.made]: '' } } }
}

/** A person paused it on purpose, and a paused Deployment never becomes ready. */
function refusePaused(place: Place, object: KubeObject, live: KubeObject, after: KubeObject): void {
  if (object.kind !== 'Deployment' || after.spec?.['paused'] !== true || isJob(object)) return
  const { name } = object.metadata
  if (toJson(podTemplate(live)) === toJson(podTemplate(after))) {
    place.adapters.log.warn(`${describe(object)} is paused; this release does not change its pods.`)
    return
  }
  throw new ToolError(`${describe(object)} is paused, so that its new pods would not roll out`, {
    tool: 'Kubernetes API',
    reason: 'workload-paused',
    hint: `Ask who paused it, and resume it (kubectl rollout resume deployment/${name}); or say paused: false in its manifest.`,
  })
}
