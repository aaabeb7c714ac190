import { LeaseLostError, ToolError } from '../../outcome/errors.ts'
import { claim, type Holder, type Lease } from '../../release/lease.ts'
import { unsettled, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import { create, inspect, listContainers, putFiles, remove, tolerate } from './containers.ts'
import { fleetOf, label, type Fleet } from './fleet.ts'
import { packState, recordFile, type State } from './record.ts'
import { putCopy, readRecords, readStore, type Context } from './store.ts'

/** The lease in this process's hands. Writes are done one after the other, whoever asks for them. */
export interface HeldLease {
  readonly epoch: number
  readonly state: State
  readonly records: ReadonlyMap<ReleaseId, string>
  /** Looks whether the lease is still ours. @throws LeaseLostError @returns the environment's containers as of now */
  check(): Promise<Fleet>
  /** Writes the state, and a copy of it into the container that serves. @throws LeaseLostError */
  write(
    change: (state: State) => Partial<Pick<State, 'lease' | 'ledger' | 'adopted' | 'fence'>>,
  ): Promise<void>
  putRecord(id: ReleaseId, packed: string): Promise<void>
}

/**
 * One attempt to get the lease, or to go on with it. Its container is created by a name that has the next epoch in it,
 * so that one of all claimants wins; only then is the ledger copied from the container before, and that one removed.
 * A former holder looks for a newer epoch after each of its writes: either it sees ours, or we have read what it wrote.
 */
export async function takeLease(
  context: Context,
  holder: Holder,
  deadlineMs: number,
): Promise<HeldLease | { held: Lease }> {
  const { engine, adapters } = context
  for (;;) {
    const seen = await readStore(context)
    const now = engine.now()
    const decision = claim(seen.lease, seen.lastEpoch, holder, now)
    if (decision.kind === 'wait') return { held: decision.held }
    const { epoch } = decision
    const lease: Lease = { holder, epoch, deadline: now + deadlineMs }
    const mine = seen.fleet.leases.find(each => each.epoch === epoch)
    const id = mine?.id ?? (await createLease(context, lease))
    if (id === undefined) {
      await adapters.clock.sleep(50, adapters.signal)
      continue
    }
    // What the holder before wrote between our look and our claim counts as well.
    const last = mine ? seen : await readStore(context)
    if (last.fleet.leases.some(each => each.epoch > epoch)) {
      await remove(engine, id)
      continue
    }
    const state: State = {
      sequence: last.sequence + 1,
      epoch,
      lease,
      ledger: last.ledger,
      adopted: last.adopted,
      fence: last.fence || (decision.kind === 'take' && seen.lease !== null && isOpen(last.ledger)),
    }
    const records = remembered(await readRecords(context, last.fleet), last.ledger)
    await putFiles(engine, id, [
      ...[...records].map(([release, text]) => recordFile(release, text)),
      packState(state),
    ])
    for (const old of last.fleet.leases) if (old.epoch < epoch) await remove(engine, old.id)
    const held = hold(context, holder, id, state, records)
    if (await isOurs(held)) return held
  }
}

/** What the ledger has forgotten is not copied any further; `r0` may be about to be written into an empty one. */
function remembered(records: Map<ReleaseId, string>, { entries }: Ledger): Map<ReleaseId, string> {
  const ids = new Set<ReleaseId>(entries.length > 0 ? entries.map(({ id }) => id) : ['r0'])
  return new Map([...records].filter(([id]) => ids.has(id)))
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
    if (error instanceof LeaseLostError) return false
    throw error
  }
}

/** @returns undefined when somebody else was faster */
async function createLease(context: Context, lease: Lease): Promise<string | undefined> {
  const { engine, environment, names } = context
  const body = {
    Image: await emptyImage(context),
    Cmd: ['never-started'],
    Labels: {
      [label.service]: environment.service,
      [label.environment]: environment.name,
      [label.role]: 'lease',
      [label.epoch]: String(lease.epoch),
      [label.holder]: JSON.stringify(lease.holder),
      [label.deadline]: String(lease.deadline),
    },
  }
  try {
    return await create(engine, names.lease(lease.epoch), body)
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 409)) throw error
    const other = await inspect(engine, names.lease(lease.epoch))
    if (other && other.Config.Labels?.[label.role] !== 'lease') {
      throw new ToolError(`a container that is not ours is called ${names.lease(lease.epoch)}`, {
        tool: 'Docker engine',
        hint: `Rename it: runbook-actions needs that name.`,
        cause: error,
      })
    }
    return undefined
  }
}

const emptyImageName = 'runbook-lease:1'

/** An image of nothing, made on the engine itself: a lease has to be had before any image is pulled. */
async function emptyImage({ engine }: Context): Promise<string> {
  const { status } = await engine.call('GET', `/images/${emptyImageName}/json`)
  if (status === 200) return emptyImageName
  const [repo = '', tag = ''] = emptyImageName.split(':')
  await engine.json('POST', '/images/create', {
    query: { fromSrc: '-', repo, tag, message: 'Holds the ledger and the lease of runbook-actions' },
    archive: Buffer.alloc(1_024),
  })
  return emptyImageName
}

function hold(
  context: Context,
  holder: Holder,
  firstId: string,
  firstState: State,
  records: Map<ReleaseId, string>,
): HeldLease {
  const { engine, environment, names, adapters } = context
  let [id, state] = [firstId, firstState]
  let queue: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = queue.then(work, work)
    queue = done.catch(() => undefined)
    return done
  }

  const look = async (): Promise<Fleet> => {
    const fleet = fleetOf(await listContainers(engine), environment, names, state.adopted)
    const newer = [...fleet.leases, ...fleet.services].find(each => each.epoch > state.epoch)
    if (newer) throw lost(JSON.parse(newer.labels[label.holder] ?? '{}') as Partial<Holder>)
    if (!fleet.leases.some(each => each.id === id)) await recreate()
    return fleet
  }

  /** The container was pruned under us: the name still decides whether the lease is ours. */
  const recreate = async (): Promise<void> => {
    const again = await createLease(context, state.lease ?? { holder, epoch: state.epoch, deadline: 0 })
    if (again === undefined) throw lost({})
    adapters.log.warn(`${names.lease(state.epoch)} was removed by somebody; it is written again.`)
    id = again
    await putFiles(engine, id, [
      ...[...records].map(([release, text]) => recordFile(release, text)),
      packState(state),
    ])
  }

  const put = async (file: { path: string; content: Buffer }): Promise<Fleet> => {
    await tolerate(404, () => putFiles(engine, id, [file]))
    return look()
  }

  return {
    get epoch() {
      return state.epoch
    },
    get state() {
      return state
    },
    records,
    check: () => inTurn(look),
    write: change =>
      inTurn(async () => {
        const before = state
        state = { ...state, ...change(state), sequence: state.sequence + 1 }
        try {
          await copyState(context, await put(packState(state)), state)
        } catch (error) {
          state = before
          throw error
        }
      }),
    putRecord: (release, packed) =>
      inTurn(async () => {
        records.set(release, packed)
        await put(recordFile(release, packed))
      }),
  }
}

/** What somebody else has started is left alone. */
async function copyState(context: Context, { services }: Fleet, state: State): Promise<void> {
  for (const member of services.filter(each => each.running && each.labels[label.role]))
    await putCopy(context, member, [packState(state)])
}

function lost({ title, url }: Partial<Holder>): LeaseLostError {
  const who = title ? `${title}${url ? ` (${url})` : ''}` : 'Another run'
  return new LeaseLostError(`${who} took the environment over while this step worked`, {
    hint: 'Look at that run: it settles the environment. This one changes nothing any more.',
  })
}
