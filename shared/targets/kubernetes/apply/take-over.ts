import {
  claim,
  observeHolder,
  workingDeadlineMs,
  type Holder,
  type Lease,
  type Purpose,
} from '../../../release/lease.ts'
import { unsettled, type Ledger, type ReleaseId } from '../../../release/ledger.ts'
import type { Refused, EnvironmentLock } from '../../target.ts'
import { objectsOf } from './apply.ts'
import type { EnvironmentState } from '../state/lease-store.ts'
import { keyOf, stamps, type KubeObject } from '../manifests/objects.ts'
import type { Place } from '../state/place.ts'
import { createEnvironmentLock } from '../environment-lock.ts'

/**
 * One attempt to get, or go on with, the lease. Two who try at once both write on what they read: one write is refused,
 * and that one looks again.
 */
export async function take(
  place: Place,
  holder: Holder,
  purpose: Purpose,
  deadlineMs: number,
): Promise<EnvironmentLock | Refused> {
  const { lease, client, adapters } = place
  for (;;) {
    const found = await lease.read()
    const now = client.now()
    const seen = { ...found, lease: found.lease && observeHolder(found.lease, adapters.hasEnded) }
    const answer = claim(seen, holder, purpose, now)
    if (answer.kind === 'wait') return { held: answer.held }
    if (answer.kind === 'hold') return { hold: answer.hold }
    const { epoch } = answer
    const mine: Lease = { holder, epoch, deadline: now + deadlineMs, handedOver: false }
    const taken = await occupy(place, found, mine, found.ledger)
    if (taken) return createEnvironmentLock(place, holder, taken)
  }
}

/** Takes the lease from its holder, changes the ledger with the same write, and gives the lease back. */
export async function override(
  place: Place,
  holder: Holder,
  change: (ledger: Ledger) => Ledger,
): Promise<Lease | null> {
  const { lease, client } = place
  for (;;) {
    const found = await lease.read()
    const deadline = client.now() + workingDeadlineMs
    const mine: Lease = { holder, epoch: found.epoch + 1, deadline, handedOver: false }
    const taken = await occupy(place, found, mine, change(found.ledger))
    if (!taken) continue
    // Refused when yet another operator was faster: then what is written here is in what that one read.
    await lease.write({ ...taken, lease: null })
    return found.lease
  }
}

/**
 * Writes a claim, and makes the objects safe from the holder before.
 * @returns undefined when another run wrote in between
 */
async function occupy(
  place: Place,
  found: EnvironmentState,
  mine: Lease,
  ledger: Ledger,
): Promise<EnvironmentState | undefined> {
  const { epoch } = mine
  // Who gave the lease back has no write under way.
  const fenced = found.lease === null ? epoch : found.fenced
  const written = await place.lease.write({ ...found, ledger, epoch, lease: mine, fenced })
  if (!written || written.fenced === epoch) return written
  await fenceOff(place, written)
  return place.lease.write({ ...written, fenced: epoch })
}

/**
 * Changes every object that the earlier holder may have read, so that whatever it still sends is refused: an apply
 * carries the resourceVersion that was read (docs/decisions/0002).
 */
async function fenceOff(place: Place, { ledger, slots, epoch }: EnvironmentState): Promise<void> {
  const { client, paths, records, service } = place
  const ids = new Set<ReleaseId>()
  const { from, database } = ledger.restoring ?? {}
  for (const id of [unsettled(ledger)?.id, ledger.serving, from, database?.otherwise]) if (id) ids.add(id)
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
