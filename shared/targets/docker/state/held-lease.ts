import { LeaseLostError, type OnHoldError } from '../../../outcome/errors.ts'
import type { Holder } from '../../../release/lease.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import { onHold } from '../../on-hold.ts'
import { listContainers, putFiles, tolerate } from '../engine/containers.ts'
import { fleetOf, label, type Fleet } from '../apply/fleet.ts'
import { createLease, holderLabel } from './lease-container.ts'
import { packState, recordFile, type State } from './record.ts'
import type { Context } from '../engine/context.ts'
import { readStore } from './store.ts'

/** The lease in this process's hands. Writes are done one after the other. */
export interface HeldLease {
  readonly epoch: number
  readonly state: State
  readonly records: ReadonlyMap<ReleaseId, string>
  /** Looks whether the lease is still ours. @throws LeaseLostError @returns the environment's containers as of now */
  check(): Promise<Fleet>
  /** Writes the state. @throws LeaseLostError */
  write(
    change: (state: State) => Partial<Pick<State, 'lease' | 'ledger' | 'adopted' | 'fence'>>,
  ): Promise<void>
  putRecord(id: ReleaseId, packed: string): Promise<void>
}

/** @param records of the releases that the ledger knows, packed */
export function hold(
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
    // Another process that found the volume without its container creates it again under the holder of its labels.
    if (again.kind === 'exists' && again.holder !== holderLabel(holder)) throw await lostTo(context, {})
    adapters.log.warn(`${names.lease(state.epoch)} was removed by another program; it is written again.`)
    id = again.id
    await putFiles(engine, id, [
      ...[...records].map(([release, text]) => recordFile(release, text)),
      packState(state),
    ])
  }

  const put = async (file: { path: string; content: Buffer }): Promise<void> => {
    await tolerate(404, () => putFiles(engine, id, [file]))
    await look()
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
          await put(packState(state))
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
