import { ToolError } from '../../outcome/errors.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import type { Change, StopOptions } from '../target.ts'
import { isJob, objectsOf, planApply, type Applying } from './apply/apply.ts'
import { actionOf } from './inspect/diff.ts'
import { changeFenced } from './apply/change-fenced.ts'
import type { Fence, Work } from './apply/fence.ts'
import { asleep } from './asleep.ts'
import { describe, keyOf, podTemplate, stamps, type KubeObject } from './manifests/objects.ts'
import type { Place } from './state/place.ts'
import type { KubernetesBody } from './apply/body.ts'

/** How often it is asked whether the pods have ended. */
const askMs = 500
/** What was scaled or changed by others meanwhile does not count: nothing may run. */
const byForce: Applying = { scaled: new Set(), conflicts: 'take' }

/** A release that may be there, whole or in part. */
export interface Present {
  id: ReleaseId
  body: KubernetesBody
}

/**
 * Stops all pods of an environment and waits until they have ended. Deployments and StatefulSets are scaled to nothing,
 * which also makes an autoscaler rest; DaemonSets get a node selector that no node has; CronJobs are suspended. Jobs are
 * deleted, those of migrations too: what one has done to the database is about to be undone. What serves the database
 * itself runs on.
 * @param releases the one that is there first, then others of which there may be objects
 */
export async function stopReleases(
  place: Place,
  fence: Fence,
  releases: Present[],
  options: StopOptions,
): Promise<Change[]> {
  const objects = new Map<string, KubeObject>()
  for (const { id, body } of releases)
    for (const object of objectsOf(body, id, place.service))
      if (!objects.has(keyOf(object))) objects.set(keyOf(object), object)
  const [running, kept] = partition(
    [...objects.values()].filter(object => podTemplate(object) && !isJob(object)),
  )
  for (const object of kept)
    options.onProgress(`${describe(object)} runs on: it is a database, or is marked so.`)
  const done = await changeFenced(fence, running.map(stopping))
  const jobs = [...objects.values()].some(isJobLike)
    ? await listJobs(
        place,
        done.map(({ after }) => after),
      )
    : []
  await changeFenced(
    fence,
    jobs.map(object => ({ object, plan: live => (live ? [{ type: 'delete' }] : []) })),
  )
  const selectors = done.map(({ after }) => (after ? selectorOf(after) : '')).filter(each => each !== '')
  const ofJobs = jobs.map(({ metadata }) => `job-name=${metadata.name}`)
  await awaitEnd(place, [...selectors, ...ofJobs], options, isAlive)
  return [
    ...done
      .filter(({ before }) => before)
      .map(({ object, before, after }): Change => ({
        object: describe(object),
        action: actionOf(before, after),
      })),
    ...jobs.map((job): Change => ({ object: describe(job), action: 'delete' })),
  ]
}

function stopping(object: KubeObject): Work {
  return { object, plan: live => (live ? planApply(asleep(object, live), live, byForce) : []) }
}

/**
 * Stops the pods of some workloads and waits until they are gone; an apply of their manifests starts them again.
 * @throws ToolError when one cannot be stopped, or does not end in time
 */
export async function stopWorkloads(
  place: Place,
  fence: Fence,
  workloads: KubeObject[],
  options: StopOptions,
): Promise<void> {
  const done = await changeFenced(fence, workloads.map(stopping))
  const selectors = done.map(({ after }) => (after ? selectorOf(after) : ''))
  await awaitEnd(
    place,
    selectors.filter(each => each !== ''),
    options,
    pod => isAlive(pod) || pod.metadata.deletionTimestamp !== undefined,
  )
}

/** The port of PostgreSQL, and of the poolers before it. */
const databasePort = 5432

/** Those that are stopped, and those without which the databases could not be swapped. */
function partition(workloads: KubeObject[]): [KubeObject[], KubeObject[]] {
  const isKept = (object: KubeObject) => {
    const mark = object.metadata.annotations?.[stamps.keepRunning]
    const template = podTemplate(object)
    const ports = (template?.spec.containers ?? []).flatMap(
      container => (container['ports'] ?? []) as { containerPort?: number }[],
    )
    return mark === undefined
      ? ports.some(({ containerPort }) => containerPort === databasePort)
      : mark === 'true'
  }
  return [workloads.filter(each => !isKept(each)), workloads.filter(isKept)]
}

function isJobLike(object: KubeObject): boolean {
  return isJob(object) || object.kind === 'CronJob'
}

/** The service's Jobs that are there, and those that its CronJobs have started. */
async function listJobs(
  { client, namespace, service }: Place,
  parents: (KubeObject | undefined)[],
): Promise<KubeObject[]> {
  const uids = new Set(parents.map(parent => parent?.metadata.uid))
  const { items } = await client.list(`/apis/batch/v1/namespaces/${namespace}/jobs`)
  return items
    .filter(
      ({ metadata: { labels, ownerReferences = [] } }) =>
        labels?.[stamps.service] === service || ownerReferences.some(({ uid }) => uids.has(uid)),
    )
    .map(item => ({ ...item, apiVersion: 'batch/v1', kind: 'Job' }))
}

/** `app=api,tier=web`: what a workload's pods are found by. */
function selectorOf(object: KubeObject): string {
  const { matchLabels } = (object.spec?.['selector'] ?? {}) as { matchLabels?: Record<string, string> }
  const labels = matchLabels ?? podTemplate(object)?.metadata?.labels ?? {}
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(',')
}

async function awaitEnd(
  { client, namespace, adapters }: Place,
  selectors: string[],
  { timeoutMs, signal, onProgress }: StopOptions,
  counts: (pod: KubeObject) => boolean,
): Promise<void> {
  const { clock } = adapters
  const giveUp = clock.elapsed() + timeoutMs
  for (let told = ''; ;) {
    const lists = await Promise.all(
      selectors.map(labelSelector => client.list(`/api/v1/namespaces/${namespace}/pods`, { labelSelector })),
    )
    const left = lists.flatMap(({ items }) => items).filter(counts)
    if (left.length === 0) return
    const names = left.map(({ metadata }) => metadata.name).join(', ')
    if (clock.elapsed() >= giveUp) {
      throw new ToolError(`${names} did not end within ${Math.round(timeoutMs / 1_000)} s`, {
        tool: 'Kubernetes API',
        hint: 'See why with kubectl describe pod: a finalizer, or a node that does not answer, keeps it.',
      })
    }
    if (names !== told) onProgress(`Waiting for ${names} to end.`)
    told = names
    await clock.sleep(askMs, signal)
  }
}

function isAlive({ status }: KubeObject): boolean {
  const { phase } = (status ?? {}) as { phase?: string }
  return phase !== 'Succeeded' && phase !== 'Failed'
}
