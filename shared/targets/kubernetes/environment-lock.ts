import { LeaseLostError, type OnHoldError } from '../../outcome/errors.ts'
import { onHold } from '../on-hold.ts'
import { withoutProcess, type Holder, type Lease } from '../../release/lease.ts'
import { find, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Change, FollowOptions, Payload, Rollout, EnvironmentLock } from '../target.ts'
import { adoptLive } from './restore/adopt.ts'
import { applyRelease, objectsOf, scaledWorkloads } from './apply/apply.ts'
import type { Fence } from './apply/fence.ts'
import { followRollout } from './rollout/follow.ts'
import type { EnvironmentState } from './state/lease-store.ts'
import { takeNotes } from './state/notes.ts'
import { isMigration } from './migrate/marks.ts'
import { migrateRelease } from './migrate/migrate.ts'
import { tracesOf } from './migrate/migrations.ts'
import { type KubeObject } from './manifests/objects.ts'
import type { Place } from './state/place.ts'
import { prune, pruned, removeOwn, stillThere } from './apply/prune.ts'
import { bodyOf, type KubernetesBody } from './apply/body.ts'
import { restoreRelease } from './restore/restore.ts'
import { assign, reconcile } from './rollout/slots.ts'
import { mayBeDeleted } from './state.ts'
import { stopReleases } from './stop.ts'
import { findStrays } from './state/strays.ts'
import { unstick } from './apply/unstick.ts'

/** @param taken the state as the claim was written */
export function createEnvironmentLock(
  place: Place,
  holder: Holder,
  taken: EnvironmentState,
): EnvironmentLock {
  const { service, namespace, client, paths, lease, records, adapters } = place
  const { clock, signal } = adapters
  const { epoch, uid } = taken
  let state = taken
  let lost: LeaseLostError | OnHoldError | undefined
  /** A change ended in an error: one of its writes may still be under way. */
  let unsure = false
  let last: Promise<unknown> = Promise.resolve()

  const own = (found: EnvironmentState): EnvironmentState => {
    const ours =
      found.uid === uid &&
      found.epoch === epoch &&
      found.lease?.holder.run === holder.run &&
      found.lease.holder.attempt === holder.attempt &&
      found.lease.holder.job === holder.job &&
      !found.lease.handedOver
    if (ours) return found
    lost = lostTo(found)
    throw lost
  }
  const check = async (): Promise<void> => {
    if (lost) throw lost
    own(await lease.read())
  }
  const fence: Fence = { client, paths, clock, signal, check, tell: line => adapters.log.info(line) }

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
  const changing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      unsure = true
      throw error
    }
  }
  /** The last write: the lock is released. */
  const leave = async (lease: Omit<Lease, 'holder' | 'epoch' | 'handedOver'> | null): Promise<void> => {
    const whose = { holder: withoutProcess(holder), epoch }
    const left = unsure
      ? { ...whose, deadline: place.client.now(), ...lease }
      : lease && { ...whose, ...lease }
    await write(now => ({ ...now, lease: left && { ...left, handedOver: !unsure } }))
    lost = new LeaseLostError('This run has given the environment back', {
      hint: 'Take the lease again before changing anything.',
    })
  }
  const load = async (id: ReleaseId | null) =>
    id === null ? undefined : records.load(id, state.slots[id] ?? [])

  /** A release is about to be recorded good: what others own in it is noted, and what it made. */
  const beforeGood = async (id: ReleaseId, before: ReleaseId | null): Promise<void> => {
    const [record, replaced] = await Promise.all([load(id), load(before)])
    if (!record) return
    const objects = objectsOf(record.body, id, service)
    const { snapshot, made } = await takeNotes(fence, objects)
    // What could not be removed is on the list of the next release.
    const left = await stillThere(fence, pruned(replaced?.made ?? [], objects), place)
    await records.annotate(id, state.slots[id] ?? [], { snapshot, made: [...made, ...left] }, check)
  }

  const removeReplaced = async (id: ReleaseId): Promise<Change[]> => {
    const before = state.ledger.serving
    const [record, replaced] = await Promise.all([load(id), load(before)])
    if (!record) return []
    const left = await stillThere(
      fence,
      pruned(replaced?.made ?? [], objectsOf(record.body, id, service)),
      place,
    )
    // The Jobs of the release before stay for a while: their logs may still be asked for.
    const over = left.filter(({ kind, name }) => kind !== 'Job' || !name.endsWith(`-${String(before)}`))
    const removed = await prune(fence, over, place, adapters.log)
    for (const { object } of removed) adapters.log.info(`Removed ${object}: it left the manifests.`)
    return removed
  }

  return {
    epoch,
    get ledger() {
      return state.ledger
    },

    async update(change) {
      const good = newlyGood(state.ledger, change(state.ledger))
      if (good) await changing(() => beforeGood(good.id, state.ledger.serving))
      const written = await write(now => {
        const ledger = change(now.ledger)
        return { ...now, ledger, slots: reconcile(now.slots, ledger) }
      })
      return written.ledger
    },

    adopt: next => adoptLive(place, next ? bodyOf(next).manifests : []),

    async store(id, payload) {
      const parts = await records.split(bodyOf(payload))
      if ((state.slots[id] ?? []).length !== parts.length) {
        await write(now => ({ ...now, slots: assign(now.slots, now.ledger, id, parts.length) }))
      }
      await changing(() => records.save(id, parts, state.slots[id] ?? [], check))
      const adopted = find(state.ledger, id)?.state === 'good'
      if (adopted)
        await records.annotate(
          id,
          state.slots[id] ?? [],
          await takeNotes(fence, bodyOf(payload).manifests),
          check,
        )
    },

    recordVerification: (id, text) =>
      changing(() => records.saveVerification(id, state.slots[id] ?? [], text, check)),

    async forget(retired: Entry[]) {
      const used = new Set(Object.values(state.slots).flat())
      const free = retired.map(({ id }) => ({ id, slots: taken.slots[id] ?? [] }))
      const dropping = ({ id, slots }: (typeof free)[number]) =>
        records.drop(
          id,
          slots.filter(slot => !used.has(slot)),
          check,
        )
      await changing(() => Promise.all(free.map(dropping)))
    },

    migrate: (id, payload, options) =>
      changing(() => migrateRelease(place, fence, id, bodyOf(payload), options)),

    // The kubelet pulls the image.
    prepare: () => Promise.resolve(),

    async apply(id, payload, conflicts = 'stop'): Promise<Change[]> {
      const scaled = await scaledWorkloads(client, namespace)
      const objects = workloadOf(bodyOf(payload), id, service)
      return changing(async () => {
        const changes = await applyRelease(fence, objects, { scaled, conflicts })
        // Nothing restores a release where none was good: pods of a failed one would hold its successor up for ever.
        if (!state.ledger.entries.some(each => each.state === 'good')) await unstick(place, fence, objects)
        return changes
      })
    },

    async retract(id, payload): Promise<Change[]> {
      const objects = tracesOf(bodyOf(payload), id, service).filter(mayBeDeleted)
      return changing(() => removeOwn(fence, objects.toReversed(), place))
    },

    follow(id: ReleaseId, payload: Payload, options: FollowOptions): Promise<Rollout> {
      return followRollout(place, workloadOf(bodyOf(payload), id, service), options)
    },

    async restore(good, payload, withdrawn) {
      const [scaled, record] = await Promise.all([scaledWorkloads(client, namespace), load(good)])
      const request = {
        good,
        body: bodyOf(payload),
        snapshot: record?.snapshot ?? {},
        withdrawn: withdrawn && bodyOf(withdrawn),
        from: state.ledger.restoring?.from ?? null,
        scaled,
      }
      return changing(async () => {
        const { changes, made } = await restoreRelease(place, fence, request)
        // What it made anew has another UID than before.
        const others = pruned(record?.made ?? [], bodyOf(payload).manifests)
        await records.annotate(good, state.slots[good] ?? [], { made: [...made, ...others] }, check)
        return changes
      })
    },

    stop(options) {
      const { serving, restoring } = state.ledger
      const ids = [restoring?.from ?? serving, serving, restoring?.database?.otherwise ?? null]
      return changing(async () => {
        const found = await Promise.all([...new Set(ids)].map(async id => ({ id, record: await load(id) })))
        const present = found.flatMap(({ id, record }) => (id && record ? [{ id, body: record.body }] : []))
        return stopReleases(place, fence, present, options)
      })
    },

    removeReplaced: id => changing(() => removeReplaced(id)),

    async tidy() {
      const stray = await findStrays(place, state)
      return stray.length > 0 ? changing(() => removeOwn(fence, stray, place)) : []
    },

    async renew(deadlineMs) {
      await write(now => ({
        ...now,
        lease: { holder, epoch, deadline: place.client.now() + deadlineMs, handedOver: false },
      }))
    },

    handOver: deadlineMs => leave({ deadline: place.client.now() + deadlineMs }),

    end: () => leave(null),
  }
}

/** The objects of a release without its migrations, which are over when these are applied. */
function workloadOf(body: KubernetesBody, id: ReleaseId, service: string): KubeObject[] {
  return objectsOf(body, id, service).filter(object => !isMigration(object))
}

/** The release that a change of the ledger records as good for the first time. */
function newlyGood(before: Ledger, after: Ledger): Entry | undefined {
  return after.entries.find(
    ({ id, state }) =>
      state === 'good' && before.entries.some(entry => entry.id === id && entry.state === 'ready'),
  )
}

function lostTo({ lease, ledger }: EnvironmentState): LeaseLostError | OnHoldError {
  if (ledger.hold) return onHold(ledger.environment, ledger.hold)
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
