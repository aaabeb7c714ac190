import { claim, type Holder, type Lease } from '../../release/lease.ts'
import { unsettled, type ReleaseId } from '../../release/ledger.ts'
import type { Tenure } from '../target.ts'
import { objectsOf } from './apply.ts'
import type { EnvironmentState } from './lease-store.ts'
import { keyOf, stamps, type KubeObject } from './objects.ts'
import { createTenure, type Place } from './tenure.ts'

/**
 * One attempt to get, or go on with, the lease. Two who try at once both write on what they read: one write is refused,
 * and that one looks again.
 */
export async function take(
  place: Place,
  holder: Holder,
  deadlineMs: number,
): Promise<Tenure | { held: Lease }> {
  const { lease, adapters } = place
  for (;;) {
    const found = await lease.read()
    const now = adapters.clock.now()
    const answer = claim(found.lease, found.epoch, holder, now)
    if (answer.kind === 'wait') return { held: answer.held }
    const { epoch } = answer
    const clean = found.lease === null
    const written = await lease.write({
      ...found,
      epoch,
      lease: { holder, epoch, deadline: now + deadlineMs },
      // Who gave the lease back has no write under way.
      fenced: clean ? epoch : found.fenced,
    })
    if (!written) continue
    if (written.fenced === epoch) return createTenure(place, holder, written)
    await fenceOff(place, written)
    const fenced = await lease.write({ ...written, fenced: epoch })
    if (fenced) return createTenure(place, holder, fenced)
  }
}

/**
 * Changes every object that the earlier holder may have read, so that whatever it still sends is refused: an apply
 * carries the resourceVersion that was read (DESIGN section 5).
 */
async function fenceOff(place: Place, { ledger, slots, epoch }: EnvironmentState): Promise<void> {
  const { client, paths, records, service } = place
  const ids = new Set<ReleaseId>()
  for (const id of [unsettled(ledger)?.id, ledger.serving, ledger.restoring?.from]) if (id) ids.add(id)
  const objects = new Map<string, KubeObject>()
  await Promise.all(
    [...ids].map(async id => {
      const record = await records.load(id, slots[id] ?? [])
      for (const object of record ? objectsOf(record.body, id, service) : [])
        objects.set(keyOf(object), object)
    }),
  )
  const mark = { metadata: { annotations: { [stamps.epoch]: String(epoch) } } }
  await Promise.all(
    [...objects.values()].map(async object => {
      const path = await paths.of(object)
      if (await client.get(path)) await client.patch(path, 'merge', mark, { fieldManager: 'runbook-fence' })
    }),
  )
}
