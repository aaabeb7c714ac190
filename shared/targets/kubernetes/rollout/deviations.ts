import type { ReleaseId } from '../../../release/ledger.ts'
import type { Drift } from '../../target.ts'
import { isJob, isScaled, objectsOf, scaledWorkloads } from '../apply/apply.ts'
import { changesOf } from '../inspect/drift.ts'
import { describeDeletion, isBeingDeleted } from '../apply/deletion.ts'
import { readListed } from '../manifests/listed.ts'
import { describe, podTemplate, type KubeObject } from '../manifests/objects.ts'
import { managersOf, ownsReplicas } from '../ownership/ownership.ts'
import type { Place } from '../state/place.ts'
import { inPool } from '../api/pool.ts'

/** Which pods there are, and which of them a Service leads to: a change of these runs another release. */
const deciding = {
  workload: /^spec\.(template|selector)\b/,
  service: /^spec\.(selector|ports|type|externalName)\b/,
}

/** Objects that are looked at side by side. */
const lookers = 16

/**
 * In what the live objects are not the release that was applied: one that is gone, or about to go; and as far as that
 * decides what answers, a `rollout undo`, another image, no replicas any more: the gate may have judged something else.
 */
export async function readDeviations(place: Place, id: ReleaseId): Promise<Drift[]> {
  const { client, paths, namespace, lease, records, service } = place
  const [scaled, { slots }] = await Promise.all([scaledWorkloads(client, namespace), lease.read()])
  const record = await records.load(id, slots[id] ?? [])
  if (!record) return [{ object: `the record of ${id}`, what: 'is gone', by: '' }]
  const objects = objectsOf(record.body, id, service).filter(object => !isJob(object))
  const known = await readListed(place, objects)
  const found = await inPool(objects, lookers, async object => {
    const decides = podTemplate(object) !== undefined || object.kind === 'Service'
    if (decides) return deviationsOf(place, object, scaled)
    return absence(object, known.has(object) ? known.get(object) : await client.get(await paths.of(object)))
  })
  return found.flatMap(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

/** Whether an object is there to stay. */
function absence(object: KubeObject, live: KubeObject | undefined): Drift[] {
  if (!live) return [{ object: describe(object), what: 'is gone', by: '' }]
  return isBeingDeleted(live) ? [{ object: describe(object), what: describeDeletion(live), by: '' }] : []
}

async function deviationsOf(place: Place, object: KubeObject, scaled: Set<string>): Promise<Drift[]> {
  const { live, changed } = await changesOf(place, object, scaled)
  const absent = absence(object, live)
  if (!live || absent.length > 0) return absent
  // Where the manifest names no number, it is an autoscaler's or a person's to say, and may be none.
  const asked = object.spec?.['replicas']
  const stopped = live.spec?.['replicas'] === 0 && asked !== undefined && asked !== 0
  if (stopped && !isScaled(object, live, scaled))
    return [{ object: describe(object), what: 'has no replicas any more', by: scalerOf(live) }]
  const decides = object.kind === 'Service' ? deciding.service : deciding.workload
  return changed.filter(({ field }) => decides.test(field)).map(({ drift }) => drift)
}

/**
 * Who has scaled a workload to none, for people. The API server notes no manager for a 0 that was written through the
 * subresource `scale`, as `kubectl scale` does (seen on 1.35).
 */
function scalerOf(live: KubeObject): string {
  const managers = managersOf(live, 'spec.replicas')
  if (managers !== '' || ownsReplicas(live)) return managers
  return 'a client of its subresource scale (kubectl scale, or a controller)'
}
