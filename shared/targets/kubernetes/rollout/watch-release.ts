import { ApiError } from '../api/api-error.ts'
import { createIndex, type Index, type Sink } from '../apply/belongings.ts'
import type { Query } from '../api/client.ts'
import { growthOf } from './growth.ts'
import { describe, keyOf, type KubeObject } from '../manifests/objects.ts'
import { eventSelector, trimEvent, trimPod, trimReplicaSet } from '../apply/trim.ts'
import { reflect } from '../api/reflector.ts'
import { collectionPath } from '../api/resources.ts'
import type { Growth } from './symptom.ts'
import type { Place } from '../state/place.ts'
import { hasPods, isCustom, trimWorkload } from './workload.ts'

/** A release under watch. */
export interface Watched {
  index: Index
  growth: Growth
  /** Objects of kinds that this account may not watch: nothing is known of them. */
  unseen: KubeObject[]
  /** Fails when the API refuses for good. */
  broken: Promise<never>
}

/**
 * Watches the objects of a release and all that belongs to them: one watch a kind.
 * @param changed told after each change
 * @returns once everything was read once
 */
export async function watchRelease(
  place: Place,
  objects: KubeObject[],
  signal: AbortSignal,
  changed: () => void,
): Promise<Watched> {
  const { client, namespace, adapters } = place
  const { clock } = adapters
  const index = createIndex()
  const running: Promise<never>[] = []
  const unseen: KubeObject[] = []
  const start = async <T>(
    path: string,
    query: Query,
    trim: (item: KubeObject) => T | undefined,
    sink: Sink<T>,
  ): Promise<void> => {
    const reflector = reflect<T>({ client, clock, path, query, signal, trim, sink, changed })
    await Promise.race([reflector.listed, reflector.running])
    running.push(reflector.running)
  }
  const owners = objects.filter(hasPods)
  const [only] = owners
  const pods = only && owners.length === 1 ? selectorOf(only) : {}
  const core = `/api/v1/namespaces/${namespace}`
  const kinds = [...Map.groupBy(objects, ({ apiVersion, kind }) => `${apiVersion} ${kind}`).values()]
  const [growth] = await Promise.all([
    growthOf(client),
    ...kinds.map(async same => {
      const [{ apiVersion, kind } = { apiVersion: '', kind: '' }] = same
      const resource = await place.paths.resource(apiVersion, kind)
      const wanted = new Set(same.map(keyOf))
      const trim = (item: KubeObject) => {
        const workload = trimWorkload(item, apiVersion, kind)
        return wanted.has(keyOf(workload)) ? workload : undefined
      }
      try {
        const path = collectionPath(apiVersion, resource, namespace)
        await start(path, queryOf(same, place.service), trim, index.workloads)
      } catch (error) {
        if (!isForbidden(error) || !same.every(isCustom)) throw error
        adapters.log.warn(`${same.map(describe).join(', ')}: not waited for; this account may not watch it.`)
        unseen.push(...same)
      }
    }),
    owners.some(({ kind }) => kind === 'Deployment')
      ? start(`/apis/apps/v1/namespaces/${namespace}/replicasets`, pods, trimReplicaSet, index.replicaSets)
      : undefined,
    owners.length > 0 ? start(`${core}/pods`, pods, trimPod, index.pods) : undefined,
    // Without events some causes are named later, or less well; the rollout is followed all the same.
    owners.length > 0
      ? start(`${core}/events`, { fieldSelector: eventSelector }, trimEvent, index.events).catch(
          (error: unknown) => {
            if (!isForbidden(error)) throw error
          },
        )
      : undefined,
  ])
  const broken = Promise.race(running)
  broken.catch(() => undefined)
  return { index, growth, unseen, broken }
}

/** A single object is asked for by its name; several by the label that this suite gives them. */
function queryOf(same: KubeObject[], service: string): Query {
  const [only] = same
  return only && same.length === 1
    ? { fieldSelector: `metadata.name=${only.metadata.name}` }
    : { labelSelector: `runbook/service=${service}` }
}

function selectorOf(workload: KubeObject): Query {
  const { matchLabels = {}, matchExpressions = [] } = (workload.spec?.['selector'] ?? {}) as {
    matchLabels?: Record<string, string>
    matchExpressions?: unknown[]
  }
  const pairs = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 || matchExpressions.length > 0 ? {} : { labelSelector: pairs.join(',') }
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403
}
