import { LeaseLostError, OnHoldError, ToolError } from '../../outcome/errors.ts'
import { onHold } from '../on-hold.ts'
import { claim, workingDeadlineMs, type Holder, type Lease, type Purpose } from '../../release/lease.ts'
import { unsettled, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Refused } from '../target.ts'
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
    const answer = claim(seen, holder, purpose, now)
    if (answer.kind === 'wait') return { held: answer.held }
    if (answer.kind === 'hold') return { hold: answer.hold }
    // Whoever goes on gets a number of its own as well: its name is what one of two who go on at once wins by.
    const lease: Lease = { holder, epoch: seen.epoch + 1, deadline: now + deadlineMs, handedOver: false }
    const needsFence = answer.kind === 'take' && seen.lease !== null
    const taken = await occupy(context, lease, needsFence, ledger => ledger)
    if (taken) return taken
    await adapters.clock.sleep(50, adapters.signal)
  }
}

/** Takes the lease from whoever has it, changes the ledger with the first write, and gives the lease back. */
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
 * @returns undefined when somebody else was faster
 */
async function occupy(
  context: Context,
  lease: Lease,
  needsFence: boolean,
  change: (ledger: Ledger) => Ledger,
): Promise<HeldLease | undefined> {
  const { engine } = context
  const { epoch, holder } = lease
  const id = await createLease(context, lease)
  if (id === undefined) return undefined
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
  // Whoever took it over meanwhile has removed it.
  const isThere = await exists(() => putFiles(engine, id, files))
  if (!isThere) return undefined
  for (const old of last.fleet.leases) if (old.epoch < epoch) await remove(engine, old.id)
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
    if (newer) throw await lostTo(context, JSON.parse(newer.labels[label.holder] ?? '{}') as Partial<Holder>)
    if (!fleet.leases.some(each => each.id === id)) await recreate()
    return fleet
  }

  /** The container was pruned under us: the name still decides whether the lease is ours. */
  const recreate = async (): Promise<void> => {
    const { epoch } = state
    const again = await createLease(context, state.lease ?? { holder, epoch, deadline: 0, handedOver: false })
    if (again === undefined) throw await lostTo(context, {})
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

async function lostTo(
  context: Context,
  { title, url }: Partial<Holder>,
): Promise<LeaseLostError | OnHoldError> {
  const { ledger } = await readStore(context)
  if (ledger.hold) return onHold(ledger.environment, ledger.hold)
  const who = title ? `${title}${url ? ` (${url})` : ''}` : 'Another run'
  return new LeaseLostError(`${who} took the environment over while this step worked`, {
    hint: 'Look at that run: it settles the environment. This one changes nothing any more.',
  })
}
