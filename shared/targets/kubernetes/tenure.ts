import { LeaseLostError } from '../../outcome/errors.ts'
import type { Holder } from '../../release/lease.ts'
import { find, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Adapters } from '../adapters.ts'
import type { Change, FollowOptions, Payload, Rollout, Tenure } from '../target.ts'
import { adoptLive } from './adopt.ts'
import { applyRelease, isJob, leftOut, objectsOf, removeOwn, scaledWorkloads } from './apply.ts'
import type { Client } from './client.ts'
import type { Fence } from './fence.ts'
import { followRollout } from './follow.ts'
import type { EnvironmentState, LeaseStore } from './lease-store.ts'
import { keyOf, type KubeObject } from './objects.ts'
import { foreignFields, isEmpty } from './ownership.ts'
import type { RecordStore, Snapshot } from './records.ts'
import { bodyOf } from './render.ts'
import type { Paths } from './resources.ts'
import { restoreRelease } from './restore.ts'
import { assign, reconcile } from './slots.ts'

/** What a Kubernetes environment is made of, for whoever works in it. */
export interface Place {
  service: string
  namespace: string
  /** `deployment/runbook-api` */
  workload: string
  client: Client
  paths: Paths
  lease: LeaseStore
  records: RecordStore
  adapters: Adapters
}

/** @param taken the state as the claim was written */
export function createTenure(place: Place, holder: Holder, taken: EnvironmentState): Tenure {
  const { service, namespace, client, paths, lease, records, adapters } = place
  const { clock, signal } = adapters
  const { epoch, uid } = taken
  let state = taken
  let lost: LeaseLostError | undefined
  let last: Promise<unknown> = Promise.resolve()

  const own = (found: EnvironmentState): EnvironmentState => {
    const ours =
      found.uid === uid &&
      found.epoch === epoch &&
      found.lease?.holder.run === holder.run &&
      found.lease.holder.attempt === holder.attempt
    if (ours) return found
    lost = lostTo(found)
    throw lost
  }
  const check = async (): Promise<void> => {
    if (lost) throw lost
    own(await lease.read())
  }
  const fence: Fence = { client, paths, clock, signal, check }

  /** Writes to the lease one after the other: the heartbeat comes in between whenever it likes. */
  const write = (change: (now: EnvironmentState) => EnvironmentState): Promise<EnvironmentState> => {
    const writing = last.then(async () => {
      for (;;) {
        if (lost) throw lost
        const written = await lease.write(change(state))
        if (written) return (state = written)
        state = own(await lease.read())
      }
    })
    last = writing.catch(() => undefined)
    return writing
  }
  const load = async (id: ReleaseId | null) =>
    id === null ? undefined : records.load(id, state.slots[id] ?? [])

  /** A release is about to be recorded good: what others own in it is noted, and what it replaced is removed. */
  const beforeGood = async (id: ReleaseId, before: ReleaseId | null): Promise<void> => {
    const [record, replaced] = await Promise.all([load(id), load(before)])
    if (!record) return
    const objects = objectsOf(record.body, id, service)
    await records.annotate(state.slots[id] ?? [], await snapshotOf(fence, objects))
    if (!replaced || before === null) return
    const left = leftOut(objectsOf(replaced.body, before, service), objects).filter(each => !isJob(each))
    for (const { object } of await removeOwn(fence, left, service)) {
      adapters.log.info(`Removed ${object}: it left the manifests.`)
    }
  }

  return {
    epoch,
    get ledger() {
      return state.ledger
    },

    async update(change) {
      const good = newlyGood(state.ledger, change(state.ledger))
      if (good) await beforeGood(good.id, state.ledger.serving)
      const written = await write(now => {
        const ledger = change(now.ledger)
        return { ...now, ledger, slots: reconcile(now.slots, ledger) }
      })
      return written.ledger
    },

    adopt: () => adoptLive(place),

    async store(id, payload) {
      const parts = await records.split(bodyOf(payload))
      if ((state.slots[id] ?? []).length !== parts.length) {
        await write(now => ({ ...now, slots: assign(now.slots, now.ledger, id, parts.length) }))
      }
      await records.save(id, parts, state.slots[id] ?? [], check)
      const adopted = find(state.ledger, id)?.state === 'good'
      if (adopted)
        await records.annotate(state.slots[id] ?? [], await snapshotOf(fence, bodyOf(payload).manifests))
    },

    async forget(retired: Entry[]) {
      const used = new Set(Object.values(state.slots).flat())
      const free = retired.map(({ id }) => ({ id, slots: taken.slots[id] ?? [] }))
      await Promise.all(
        free.map(({ id, slots }) =>
          records.drop(
            id,
            slots.filter(slot => !used.has(slot)),
            check,
          ),
        ),
      )
    },

    async apply(id, payload): Promise<Change[]> {
      const scaled = await scaledWorkloads(client, namespace)
      return applyRelease(fence, objectsOf(bodyOf(payload), id, service), scaled)
    },

    follow(id: ReleaseId, payload: Payload, options: FollowOptions): Promise<Rollout> {
      return followRollout(place, objectsOf(bodyOf(payload), id, service), options)
    },

    async restore(good, payload, withdrawn) {
      const [scaled, record] = await Promise.all([scaledWorkloads(client, namespace), load(good)])
      return restoreRelease(place, fence, {
        good,
        body: bodyOf(payload),
        snapshot: record?.snapshot ?? {},
        withdrawn: withdrawn && bodyOf(withdrawn),
        from: state.ledger.restoring?.from ?? null,
        scaled,
      })
    },

    async renew(deadlineMs) {
      await write(now => ({
        ...now,
        lease: { holder, epoch, deadline: clock.now() + deadlineMs },
      }))
    },

    async end() {
      await write(now => ({ ...now, lease: null }))
      lost = new LeaseLostError('This run has given the environment back', {
        hint: 'Take the lease again before changing anything.',
      })
    },
  }
}

/** The release that a change of the ledger records as good for the first time. */
function newlyGood(before: Ledger, after: Ledger): Entry | undefined {
  return after.entries.find(
    ({ id, state }) =>
      state === 'good' && before.entries.some(entry => entry.id === id && entry.state === 'ready'),
  )
}

async function snapshotOf({ client, paths }: Fence, objects: KubeObject[]): Promise<Snapshot> {
  const snapshot: Snapshot = {}
  await Promise.all(
    objects.map(async object => {
      const live = await client.get(await paths.of(object))
      const foreign = live ? foreignFields(live) : {}
      if (!isEmpty(foreign)) snapshot[keyOf(object)] = foreign
    }),
  )
  return snapshot
}

function lostTo({ lease }: EnvironmentState): LeaseLostError {
  if (!lease) {
    return new LeaseLostError(
      'The lease was given back or deleted while this run worked; it changes nothing more',
      {
        hint: 'Look at the history of the environment: another run has settled it.',
      },
    )
  }
  const { title, url } = lease.holder
  return new LeaseLostError(
    `${title}${url ? ` (${url})` : ''} took the environment over; this run changes nothing more`,
    {
      hint: `That run settles the environment; it has it until ${new Date(lease.deadline).toISOString()} at the latest.`,
    },
  )
}
