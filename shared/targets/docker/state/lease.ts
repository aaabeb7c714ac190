import { LeaseLostError, OnHoldError } from '../../../outcome/errors.ts'
import {
  claim,
  observeHolder,
  workingDeadlineMs,
  type Holder,
  type Lease,
  type Purpose,
} from '../../../release/lease.ts'
import { unsettled, type Ledger, type ReleaseId } from '../../../release/ledger.ts'
import type { Refused } from '../../target.ts'
import { putFiles, remove, tolerate } from '../engine/containers.ts'
import { hold, type HeldLease } from './held-lease.ts'
import { createLease, removeOlderVolumes } from './lease-container.ts'
import { packState, recordFile, type State } from './record.ts'
import type { Context } from '../engine/context.ts'
import { readRecords, readStore } from './store.ts'

/** One attempt to get the lease, or to go on with it. */
export async function takeLease(
  context: Context,
  holder: Holder,
  purpose: Purpose,
  deadlineMs: number,
): Promise<HeldLease | Refused> {
  const { engine, adapters } = context
  for (;;) {
    const seen = await readStore(context)
    const now = engine.now()
    const lookedAt = { ...seen, lease: seen.lease && observeHolder(seen.lease, adapters.hasEnded) }
    const answer = claim(lookedAt, holder, purpose, now)
    if (answer.kind === 'wait') return { held: answer.held }
    if (answer.kind === 'hold') return { hold: answer.hold }
    // A step that goes on gets a number of its own as well: its name is what one of two who go on at once wins by.
    const lease: Lease = { holder, epoch: seen.epoch + 1, deadline: now + deadlineMs, handedOver: false }
    const needsFence = answer.kind === 'take' && seen.lease !== null
    const taken = await occupy(context, lease, needsFence, ledger => ledger)
    if (taken) return taken
    await adapters.clock.sleep(50, adapters.signal)
  }
}

/** Takes the lease from its holder, changes the ledger with the first write, and gives the lease back. */
export async function overrideLease(
  context: Context,
  holder: Holder,
  change: (ledger: Ledger) => Ledger,
): Promise<Lease | null> {
  const { engine, adapters } = context
  for (;;) {
    const seen = await readStore(context)
    const deadline = engine.now() + workingDeadlineMs
    const lease: Lease = { holder, epoch: seen.epoch + 1, deadline, handedOver: false }
    const taken = await occupy(context, lease, seen.lease !== null, change)
    if (taken) {
      await taken.write(() => ({ lease: null }))
      return seen.lease
    }
    await adapters.clock.sleep(50, adapters.signal)
  }
}

/**
 * The container of a lease is created by a name that has its epoch in it, so that one of all claimants wins; only then is
 * the ledger copied from the container before, and that one removed. A former holder looks for a newer epoch after each
 * of its writes: either it sees ours, or we have read what it wrote.
 * @returns undefined when another run was faster
 */
async function occupy(
  context: Context,
  lease: Lease,
  needsFence: boolean,
  change: (ledger: Ledger) => Ledger,
): Promise<HeldLease | undefined> {
  const { engine } = context
  const { epoch, holder } = lease
  const created = await createLease(context, lease)
  if (created.kind === 'exists') return undefined
  const { id } = created
  // What the holder before wrote between our look and our claim counts as well.
  const last = await readStore(context)
  if (last.fleet.leases.some(each => each.epoch > epoch)) {
    await remove(engine, id)
    return undefined
  }
  const state: State = {
    sequence: last.sequence + 1,
    epoch,
    lease,
    ledger: change(last.ledger),
    adopted: last.adopted,
    fence: last.fence || (needsFence && isOpen(last.ledger)),
  }
  const records = remembered(await readRecords(context, last.fleet), last.ledger)
  const files = [...[...records].map(([release, text]) => recordFile(release, text)), packState(state)]
  // A run that took it over meanwhile has removed it.
  const isThere = await exists(() => putFiles(engine, id, files))
  if (!isThere) return undefined
  for (const old of last.fleet.leases) if (old.epoch < epoch) await remove(engine, old.id)
  await removeOlderVolumes(context, epoch)
  const held = hold(context, holder, id, state, records)
  return (await isOurs(held)) ? held : undefined
}

/** What the ledger has forgotten is not copied any further; `r0` may be about to be written into an empty one. */
function remembered(records: Map<ReleaseId, string>, { entries }: Ledger): Map<ReleaseId, string> {
  const ids = new Set<ReleaseId>(entries.length > 0 ? entries.map(({ id }) => id) : ['r0'])
  return new Map([...records].filter(([id]) => ids.has(id)))
}

async function exists(work: () => Promise<void>): Promise<boolean> {
  let there = false
  await tolerate(404, async () => {
    await work()
    there = true
  })
  return there
}

/** In the middle of a change. */
function isOpen(ledger: Ledger): boolean {
  return unsettled(ledger) !== undefined || ledger.restoring !== null
}

async function isOurs(held: HeldLease): Promise<boolean> {
  try {
    await held.check()
    return true
  } catch (error) {
    if (error instanceof LeaseLostError || error instanceof OnHoldError) return false
    throw error
  }
}
