import { ToolError } from '../../outcome/errors.ts'
import type { Holder, Lease } from '../../release/lease.ts'
import { emptyLedger, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Environment } from '../../runbook/environment.ts'
import type { DockerSpec } from '../../runbook/schema.ts'
import type { Adapters } from '../adapters.ts'
import { getFiles, listContainers, putFiles } from './containers.ts'
import type { Engine } from './engine.ts'
import { keepSecret } from './keep-secret.ts'
import { fleetOf, label, serving, type Fleet, type Member, type Names } from './fleet.ts'
import { recordFolder, stateFolder, unpackRecord, unpackState, type State } from './record.ts'
import type { ArchivedFile } from './tar.ts'

/** What every part of the Docker target works with. */
export interface Context {
  engine: Engine
  environment: Environment
  spec: DockerSpec
  names: Names
  adapters: Adapters
}

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
 * Reads ledger and lease: from the newest lease container; when its taker was cut off before it wrote any, from the one
 * before; when all were pruned, from the copy in the container that serves.
 */
export async function readStore(context: Context): Promise<Stored> {
  const { engine, environment, names } = context
  const containers = await listContainers(engine)
  const found = (adopted: string) => fleetOf(containers, environment, names, adopted)
  const bare = found('')
  const [newest] = bare.leases
  const state = await newestState(engine, bare, names)
  const ledger = {
    ...emptyLedger(environment.service, environment.name),
    ...(state?.ledger ?? rebuild(environment, serving(bare, names))),
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

/** The packed records: the newest lease container's before those of others, and of the container that serves. */
export async function readRecords(context: Context, fleet: Fleet): Promise<Map<ReleaseId, string>> {
  const { engine, names } = context
  const records = new Map<ReleaseId, string>()
  const copy = serving(fleet, names)
  for (const { id } of [...(copy ? [copy] : []), ...fleet.leases.toReversed()]) {
    for (const { path, content } of await getFiles(engine, id, recordFolder)) {
      const name = path.split('/').at(-1) ?? ''
      const text = content.toString('utf8')
      const record = unpackRecord(text)
      if (!record) continue
      keepSecret(context, record)
      records.set(name as ReleaseId, text)
    }
  }
  return records
}

/** Copies files into a container that serves, or is about to, where its file system may be written. */
export async function putCopy(
  { engine, adapters }: Context,
  { id, name }: Pick<Member, 'id' | 'name'>,
  files: ArchivedFile[],
): Promise<void> {
  try {
    await putFiles(engine, id, files)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    adapters.log.debug(`The ledger could not be copied into ${name}: ${error.message}`)
  }
}

async function newestState(engine: Engine, fleet: Fleet, names: Names): Promise<State | undefined> {
  const copy = serving(fleet, names)
  for (const { id } of [...fleet.leases, ...(copy ? [copy] : [])]) {
    const state = unpackState(await getFiles(engine, id, stateFolder))
    if (state) return state
  }
  return undefined
}

/** When every copy is gone, the labels of the container that serves still say which release it is. */
function rebuild({ service, name }: Environment, member: Member | undefined): Ledger | undefined {
  const { release, labels } = member ?? { release: null, labels: {} }
  if (release === null) return undefined
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
  return { ...emptyLedger(service, name), entries: [entry], serving: release }
}

function leaseOfLabels({ labels, epoch }: Member): Lease {
  return {
    holder: JSON.parse(labels[label.holder] ?? '{}') as Holder,
    epoch,
    deadline: Number(labels[label.deadline] ?? 0),
    handedOver: false,
  }
}
