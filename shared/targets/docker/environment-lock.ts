import { ToolError } from '../../outcome/errors.ts'
import { withoutProcess } from '../../release/lease.ts'
import { find, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Cause, Change, FollowOptions, Payload, Rollout, EnvironmentLock } from '../target.ts'
import { adoptContainer } from './apply/adopt.ts'
import { remove } from './engine/containers.ts'
import { diffOf } from './inspect/diff.ts'
import type { Fleet, Member, Names } from './apply/fleet.ts'
import { watch } from './apply/follow.ts'
import { detailsOf, handOver, keepStopped, runningIn, startTrial, stopAll } from './apply/handover.ts'
import { ensureImage } from './engine/images.ts'
import { checkMounts } from './mounts/release-mounts.ts'
import { replacementFor } from './apply/replacement.ts'
import type { HeldLease } from './state/held-lease.ts'
import type { Identity } from './apply/payload.ts'
import { asContainerPayload, packRecord, unpackRecord, type ReleaseRecord } from './state/record.ts'
import { restoreContainers, type Restoration } from './apply/restore.ts'
import type { Context } from './engine/context.ts'

/** Stopped containers of good releases that stay for an instant way back; older ones are made anew from their records. */
const keptContainers = 3

/** The right to change the environment on a Docker engine. */
export function openEnvironmentLock(context: Context, lease: HeldLease): EnvironmentLock {
  const { names } = context

  /** What this process adopted: its record is what the engine said of the container a moment ago. */
  const made = new Set<ReleaseId>()
  const originOf = (id: ReleaseId) => (made.has(id) ? 'made-here' : 'stored')

  /** A change ended in an error: one of its calls may still be under way. */
  let unsure = false

  /** A call that comes too late meets ids that are gone: what that means, the lease knows. */
  const fenced = async <T>(work: (fleet: Fleet) => Promise<T>): Promise<T> => {
    const fleet = await lease.check()
    try {
      return await work(fleet)
    } catch (error) {
      unsure = true
      if (error instanceof ToolError) await lease.check()
      throw error
    }
  }

  const recordOf = (id: ReleaseId, payload: Payload): ReleaseRecord => {
    const entry = find(lease.state.ledger, id)
    if (!entry) throw new Error(`the ledger has no ${id}`)
    const verification = unpackRecord(lease.records.get(id))?.verification
    return {
      entry,
      payload: asContainerPayload(payload),
      ...(verification === undefined ? {} : { verification }),
    }
  }

  const identityOf = (id: ReleaseId, payload: Payload): Identity => {
    const { serving } = lease.state.ledger
    const before = serving === null || serving === id ? undefined : unpackRecord(lease.records.get(serving))
    return { record: recordOf(id, payload), previous: before, epoch: lease.epoch }
  }

  return {
    get epoch() {
      return lease.epoch
    },
    get ledger() {
      return lease.state.ledger
    },

    async update(change) {
      await lease.write(({ ledger }) => ({ ledger: change(ledger) }))
      return lease.state.ledger
    },

    async adopt() {
      const { foreign } = await lease.check()
      if (!foreign) return undefined
      const found = await adoptContainer(context, foreign.id, lease.epoch)
      // Should this run end before it writes r0 into the ledger, the next one finds the same container and adopts it again.
      await lease.putRecord('r0', packRecord(found))
      made.add('r0')
      await lease.write(() => ({ adopted: foreign.id }))
      return { version: found.entry.version, image: found.entry.image, payload: found.payload }
    },

    store: (id, payload) => lease.putRecord(id, packRecord(recordOf(id, payload))),

    async recordVerification(id, verification) {
      const record = unpackRecord(lease.records.get(id))
      if (record) await lease.putRecord(id, packRecord({ ...record, verification }))
    },

    // The records themselves end with the lease's container: the next one takes along what the ledger remembers.
    async forget() {
      await fenced(fleet => forget(context, lease, fleet))
    },

    // Nothing is replaced but the one that served, which goes with its hand-over.
    removeReplaced: () => Promise.resolve([]),
    tidy: () => fenced(fleet => forget(context, lease, fleet)),

    migrate: () => Promise.resolve({ kind: 'none' }),

    async prepare(_id, payload) {
      await ensureImage(context, asContainerPayload(payload).body.create.Image)
    },

    apply: (id, payload) =>
      fenced(async fleet => {
        const identity = identityOf(id, payload)
        const { create } = identity.record.payload.body
        await ensureImage(context, create.Image)
        await checkMounts(context, create)
        await lease.check()
        const replacement = await replacementFor(context, fleet, create)
        if (replacement?.kind === 'candidate') await startTrial(context, identity, () => lease.check())
        const object = `container ${names.serving}`
        const before = identity.previous?.payload.body.create
        return [
          { object, action: replacement ? 'update' : 'create', diff: diffOf(before, create) },
        ] satisfies Change[]
      }),

    // A first release starts its container in `follow` alone.
    retract: () => Promise.resolve([]),

    follow: (id, payload, options) =>
      fenced(async fleet => {
        const trial = fleet.trials.find(each => each.release === id)
        const there = fleet.services.find(each => each.release === id)
        if (there && !trial) return watchServing(id, options)
        const installed = await install(id, payload, trial, options)
        if (installed.kind === 'candidate-failed') return installed.rollout
        if (installed.kind === 'not-started') {
          await startPrevious(id, options)
          return { kind: 'doomed', cause: installed.cause }
        }
        const rollout = await watchServing(id, options)
        // What no candidate has proved beforehand does not stay until the rollback step comes to it.
        if (rollout.kind !== 'ready' && installed.kind === 'untried') await startPrevious(id, options)
        return rollout
      }),

    restore: (good, payload) =>
      fenced(async fleet => {
        const { fence, ledger } = lease.state
        const identity = identityOf(good, payload)
        const restoration: Restoration = {
          identity,
          keep: keptIds(ledger.entries, good),
          fence,
          origin: originOf(good),
        }
        const changes = await restoreContainers(context, fleet, restoration, () => lease.check())
        if (fence) await lease.write(() => ({ fence: false }))
        return changes
      }),

    stop: () =>
      fenced(async fleet => {
        const ending = await detailsOf(context, runningIn(fleet))
        for (const { id } of fleet.trials) await remove(context.engine, id)
        await lease.check()
        // First, so that neither a restart of the host nor a loop of restarts brings it back.
        await keepStopped(context, ending)
        await stopAll(context, ending)
        return ending.map(({ Name }) => ({
          object: `container ${Name.slice(1)}`,
          action: 'update',
          diff: 'stopped',
        }))
      }),

    renew: deadlineMs =>
      lease.write(({ lease: held }) => ({
        lease: held && { ...held, deadline: context.engine.now() + deadlineMs },
      })),

    handOver: deadlineMs => leave(deadlineMs, 'kept'),
    end: () => leave(0, 'free'),
  }

  /** The last write. After an error, the next holder has to fence off what may still be under way. */
  function leave(deadlineMs: number, to: 'kept' | 'free'): Promise<void> {
    const deadline = context.engine.now() + deadlineMs
    return lease.write(({ lease: held }) => ({
      lease:
        to === 'free' && !unsure
          ? null
          : held && { ...held, holder: withoutProcess(held.holder), deadline, handedOver: !unsure },
    }))
  }

  /** Waits for the candidate, where there is one, then moves the ports to the container of the release. */
  async function install(
    id: ReleaseId,
    payload: Payload,
    trial: Member | undefined,
    options: FollowOptions,
  ): Promise<Installed> {
    if (trial) {
      const tried = await watch(context, trial.id, 'trial', options)
      if (tried.kind !== 'ready') {
        await lease.check()
        await remove(context.engine, trial.id)
        return { kind: 'candidate-failed', rollout: tried }
      }
      options.onProgress(`${trial.name} is well beside the one that serves; it takes over now.`)
    }
    const fleet = await lease.check()
    const identity = identityOf(id, payload)
    const replacement = trial
      ? undefined
      : await replacementFor(context, fleet, identity.record.payload.body.create)
    if (replacement?.kind === 'stop-first')
      options.onProgress(
        `The previous container ends before ${names.serving} of ${id} starts, since ${replacement.why}.`,
      )
    const cause = await handOver(context, fleet, identity, () => lease.check())
    if (trial) await remove(context.engine, trial.id)
    if (cause) return { kind: 'not-started', cause }
    return { kind: replacement ? 'untried' : 'tried' }
  }

  /** The release did not come up: the one before it is started again at once. Without one, it is left as it is. */
  async function startPrevious(id: ReleaseId, options: FollowOptions): Promise<void> {
    const { serving, entries } = lease.state.ledger
    const before = serving === null || serving === id ? undefined : unpackRecord(lease.records.get(serving))
    if (!serving || !before) return
    options.onProgress(`${id} did not come up: ${before.entry.version} (${serving}) is started again.`)
    const restoration: Restoration = {
      identity: identityOf(serving, before.payload),
      keep: keptIds(entries, serving),
      fence: false,
      origin: originOf(serving),
    }
    await restoreContainers(context, await lease.check(), restoration, () => lease.check())
  }

  async function watchServing(id: ReleaseId, options: FollowOptions): Promise<Rollout> {
    const { services } = await lease.check()
    const there = services.find(each => each.release === id && each.name === names.serving)
    return watch(context, there?.id ?? names.parked(id), 'service', options)
  }
}

/** How far a release came on its way to the service's ports. */
type Installed =
  /** Its container runs, as its candidate did before; or there was nothing that it could interrupt. */
  | { kind: 'tried' }
  /** Its container runs in place of the previous one, and has proved nothing yet. */
  | { kind: 'untried' }
  /** Nothing was interrupted. */
  | { kind: 'candidate-failed'; rollout: Rollout }
  /** The previous container has ended, and this one could not be started. */
  | { kind: 'not-started'; cause: Cause }

function keptIds(entries: Entry[], good: ReleaseId): Set<ReleaseId> {
  const ids = entries.filter(({ state, id }) => state === 'good' && id !== good).map(({ id }) => id)
  return new Set([...ids.slice(-keptContainers), good])
}

/** Containers that are not needed: trials when nothing is tried, and stopped ones that are no instant way back. */
export function leftOver({ services, trials }: Fleet, { entries, serving }: Ledger, names: Names): Member[] {
  const keep = keptIds(entries, serving ?? 'r0')
  const gone = services.filter(
    ({ release, running, name }) =>
      !running && name !== names.serving && (release === null || !keep.has(release)),
  )
  return [...gone, ...trials]
}

async function forget({ engine, names }: Context, lease: HeldLease, fleet: Fleet): Promise<Change[]> {
  const removed = leftOver(fleet, lease.state.ledger, names)
  for (const { id } of removed) await remove(engine, id)
  await lease.check()
  return removed.map(({ name }) => ({ object: `container ${name}`, action: 'delete' }))
}
