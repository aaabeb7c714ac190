import type { ReleaseId } from '../../release/ledger.ts'
import type { Drift } from '../target.ts'
import { isJob, objectsOf, scaledWorkloads } from './apply.ts'
import { changesOf } from './drift.ts'
import { describe, podTemplate, type KubeObject } from './objects.ts'
import { managersOf } from './ownership.ts'
import type { Place } from './place.ts'
import { inPool } from './pool.ts'

/** Which pods there are, and which of them a Service leads to: whoever changes these runs another release. */
const deciding = {
  workload: /^spec\.(template|selector)\b/,
  service: /^spec\.(selector|ports|type|externalName)\b/,
}

/** Objects that are looked at side by side. */
const lookers = 16

/**
 * In what the live objects are not the release that was applied, as far as that decides what answers. A `rollout undo`,
 * another image, no replicas any more, a Service that is gone: the gate may have judged something else.
 */
export async function readDeviations(place: Place, id: ReleaseId): Promise<Drift[]> {
  const { client, namespace, lease, records, service } = place
  const [scaled, { slots }] = await Promise.all([scaledWorkloads(client, namespace), lease.read()])
  const record = await records.load(id, slots[id] ?? [])
  if (!record) return [{ object: `the record of ${id}`, what: 'is gone', by: '' }]
  const objects = objectsOf(record.body, id, service).filter(
    object => !isJob(object) && (podTemplate(object) !== undefined || object.kind === 'Service'),
  )
  const found = await inPool(objects, lookers, object => deviationsOf(place, object, scaled))
  return found.flatMap(result => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}

async function deviationsOf(place: Place, object: KubeObject, scaled: Set<string>): Promise<Drift[]> {
  const { live, changed } = await changesOf(place, object, scaled)
  if (!live) return [{ object: describe(object), what: 'is gone', by: '' }]
  // Where the manifest names no number, it is an autoscaler's or a person's to say, and may be none.
  const asked = object.spec?.['replicas']
  if (live.spec?.['replicas'] === 0 && asked !== undefined && asked !== 0)
    return [
      { object: describe(object), what: 'has no replicas any more', by: managersOf(live, 'spec.replicas') },
    ]
  const decides = object.kind === 'Service' ? deciding.service : deciding.workload
  return changed.filter(({ field }) => decides.test(field)).map(({ drift }) => drift)
}
