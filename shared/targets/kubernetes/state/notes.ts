import type { Fence } from '../apply/fence.ts'
import { readListed } from '../manifests/listed.ts'
import { keyOf, type KubeObject } from '../manifests/objects.ts'
import { foreignFields, isEmpty } from '../ownership/ownership.ts'
import { inPool } from '../api/pool.ts'
import { madeOf } from '../apply/prune.ts'
import type { Notes, Snapshot } from './records.ts'

/** Objects that are read side by side. */
const readers = 16

/** What the cluster shows of a release's objects: what others own in them, and which of them this suite made. */
export async function takeNotes({ client, paths }: Fence, objects: KubeObject[]): Promise<Notes> {
  const snapshot: Snapshot = {}
  const known = await readListed({ client, paths }, objects)
  const read = await inPool(objects, readers, async object => {
    const live = known.has(object) ? known.get(object) : await client.get(await paths.of(object))
    const foreign = live ? foreignFields(live) : {}
    if (!isEmpty(foreign)) snapshot[keyOf(object)] = foreign
    return madeOf([live])
  })
  const failed = read.find(result => result.status === 'rejected')
  if (failed) throw failed.reason
  return { snapshot, made: read.flatMap(result => (result.status === 'fulfilled' ? result.value : [])) }
}
