import { ToolError } from '../../../outcome/errors.ts'
import type { Holder, Lease } from '../../../release/lease.ts'
import { emptyLedger, isReleaseId, type Entry, type Ledger, type ReleaseId } from '../../../release/ledger.ts'
import { getFiles, listContainers, putFiles } from '../engine/containers.ts'
import type { Context } from '../engine/context.ts'
import type { Engine } from '../engine/engine.ts'
import { keepSecret } from './keep-secret.ts'
import { fleetOf, label, serving, type Fleet, type Member } from '../apply/fleet.ts'
import { reviveLeases } from './lease-container.ts'
import { readCopies } from './record-copy.ts'
import { recordFolder, stateFolder, unpackRecord, unpackState, type State } from './record.ts'
import type { ArchivedFile } from '../engine/tar.ts'

/** Ledger and lease as they are found on an engine. */
export interface Stored {
  fleet: Fleet
  ledger: Ledger
  /** Its deadline is by the engine's clock. */
  lease: Lease | null
  /** The highest that was ever given out. */
  epoch: number
  sequence: number
  adopted: string
  fence: boolean
}

/**
 * Reads ledger and lease: from the volume of the newest lease; when its taker was cut off before it wrote any, from that
 * of the one before; when all are gone, from what the engine says of the container that serves.
 */
export async function readStore(context: Context): Promise<Stored> {
  const { engine, environment, names } = context
  let containers = await listContainers(engine)
  const found = (adopted: string) => fleetOf(containers, environment, names, adopted)
  let state = await newestState(engine, found(''))
  if (!state && (await reviveLeases(context))) {
    containers = await listContainers(engine)
    state = await newestState(engine, found(''))
  }
  const bare = found('')
  const [newest] = bare.leases
  const ledger = {
    ...emptyLedger(environment.service, environment.name),
    ...(state?.ledger ?? (await rebuild(context, serving(bare, names)))),
  }
  const adopted = state?.adopted ?? ''
  const unwritten = newest && newest.epoch > (state?.epoch ?? 0)
  return {
    fleet: found(adopted),
    ledger,
    lease: unwritten ? leaseOfLabels(newest) : (state?.lease ?? null),
    epoch: Math.max(0, state?.epoch ?? 0, ...[...bare.leases, ...bare.services].map(each => each.epoch)),
    sequence: state?.sequence ?? 0,
    adopted,
    fence: state?.fence ?? false,
  }
}

/**
 * The packed records: the newest lease's before those of others, and those before the copies in the container that serves.
 */
export async function readRecords(context: Context, fleet: Fleet): Promise<Map<ReleaseId, string>> {
  const { engine, names } = context
  const records = new Map<ReleaseId, string>()
  const keep = (id: ReleaseId, text: string) => {
    const record = unpackRecord(text)
    if (!record) return
    keepSecret(context, record)
    records.set(id, text)
  }
  const there = serving(fleet, names)
  if (there) for (const [id, text] of await readCopies(engine, there)) keep(id, text)
  for (const { id } of fleet.leases.toReversed()) {
    for (const { path, content } of await getFiles(engine, id, recordFolder)) {
      const name = path.split('/').at(-1)
      if (isReleaseId(name)) keep(name, content.toString('utf8'))
    }
  }
  return records
}

/** Copies files into a container that is about to serve, where its file system may be written. */
export async function putCopy(
  { engine, adapters }: Context,
  { id, name }: Pick<Member, 'id' | 'name'>,
  files: ArchivedFile[],
): Promise<void> {
  try {
    await putFiles(engine, id, files)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    adapters.log.debug(`The records could not be copied into ${name}: ${error.message}`)
  }
}

async function newestState(engine: Engine, { leases }: Fleet): Promise<State | undefined> {
  for (const { id } of leases) {
    const state = unpackState(await getFiles(engine, id, stateFolder))
    if (state) return state
  }
  return undefined
}

/**
 * The ledger as far as it follows from the container that serves: its labels say which release it is, and which one it
 * replaced. Whether it had passed its gate by then is not known: where the one before can be restored, it counts as
 * unfinished, so that it passes its gate once more or gives way.
 */
async function rebuild(context: Context, member: Member | undefined): Promise<Ledger | undefined> {
  const { service, name } = context.environment
  const { release, labels } = member ?? { release: null, labels: {} }
  if (!member || release === null) return undefined
  const before = [...(await readCopies(context.engine, member))].find(([id]) => id !== release)
  const previous = before && unpackRecord(before[1])?.entry
  const entry: Entry = {
    id: release,
    version: labels[label.version] ?? '',
    image: labels[label.image] ?? '',
    state: 'good',
    by: '',
    run: '',
    runUrl: '',
    intendedAt: new Date(0).toISOString(),
  }
  const ledger = emptyLedger(service, name)
  if (!previous) return { ...ledger, entries: [entry], serving: release }
  return {
    ...ledger,
    entries: [
      { ...previous, state: 'good' },
      { ...entry, state: 'ready', gate: 'pass', previous: previous.id },
    ],
    serving: previous.id,
  }
}

function leaseOfLabels({ labels, epoch }: Member): Lease {
  return {
    holder: JSON.parse(labels[label.holder] ?? '{}') as Holder,
    epoch,
    deadline: Number(labels[label.deadline] ?? 0),
    handedOver: false,
  }
}
