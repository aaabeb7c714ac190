import type { Holder, Lease } from '../../release/lease.ts'
import { emptyLedger, type Entry, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Environment } from '../../runbook/environment.ts'
import type { DockerSpec } from '../../runbook/schema.ts'
import type { Adapters } from '../adapters.ts'
import { getFiles, listContainers } from './containers.ts'
import type { Engine } from './engine.ts'
import { fleetOf, label, serving, type Fleet, type Member, type Names } from './fleet.ts'
import {
  recordFolder,
  stateFolder,
  unpackRecord,
  unpackState,
  type ReleaseRecord,
  type State,
} from './record.ts'

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
  lastEpoch: number
  sequence: number
  adopted: string
}

/**
 * Reads ledger and lease: from the newest lease container; when its taker was cut off before it wrote any, from the one
 * before; when all were pruned, from the copy in the container that serves; and when there is none, from its labels.
 */
export async function readStore(context: Context): Promise<Stored> {
  const { engine, environment, names } = context
  const containers = await listContainers(engine)
  const found = (adopted: string) => fleetOf(containers, environment, names, adopted)
  const bare = found('')
  const [newest] = bare.leases
  const state = await newestState(engine, bare, names)
  const rebuilt = state ? undefined : rebuild(environment, serving(bare, names))
  const adopted = state?.adopted ?? rebuilt?.adopted ?? ''
  const unwritten = newest && newest.epoch > (state?.epoch ?? 0)
  return {
    fleet: found(adopted),
    ledger: state?.ledger ?? rebuilt?.ledger ?? emptyLedger(environment.service, environment.name),
    lease: unwritten ? leaseOfLabels(newest) : (state?.lease ?? null),
    lastEpoch: Math.max(0, state?.epoch ?? 0, ...[...bare.leases, ...bare.services].map(each => each.epoch)),
    sequence: state?.sequence ?? 0,
    adopted,
  }
}

/** The packed records that lease containers hold, the newest container's before the others'. */
export async function readRecords(engine: Engine, { leases }: Fleet): Promise<Map<ReleaseId, string>> {
  const records = new Map<ReleaseId, string>()
  for (const { id } of leases.toReversed()) {
    for (const { path, content } of await getFiles(engine, id, recordFolder)) {
      const name = path.split('/').at(-1) ?? ''
      const text = content.toString('utf8')
      if (unpackRecord(text)) records.set(name as ReleaseId, text)
    }
  }
  return records
}

/** The record of a release: from the store, else from the label of a container that carries it. */
export function findRecord(
  records: ReadonlyMap<ReleaseId, string>,
  { services }: Fleet,
  id: ReleaseId,
): ReleaseRecord | undefined {
  const labelled = services.flatMap(({ labels }) => [labels[label.record], labels[label.previous]])
  return [records.get(id), ...labelled].map(unpackRecord).find(record => record?.entry.id === id)
}

async function newestState(engine: Engine, fleet: Fleet, names: Names): Promise<State | undefined> {
  const copy = serving(fleet, names)
  for (const { id } of [...fleet.leases, ...(copy ? [copy] : [])]) {
    const state = unpackState(await getFiles(engine, id, stateFolder))
    if (state) return state
  }
  return undefined
}

/** A ledger out of the labels of the container that serves: itself and the good release before it. */
function rebuild(
  { service, name }: Environment,
  member: Member | undefined,
): { ledger: Ledger; adopted: string } | undefined {
  const own = unpackRecord(member?.labels[label.record])
  if (!own) return undefined
  const previous = unpackRecord(member?.labels[label.previous])
  const good = ({ entry }: ReleaseRecord): Entry => ({ ...entry, state: 'good' })
  const entries = [...(previous ? [good(previous)] : []), good(own)]
  return {
    ledger: { ...emptyLedger(service, name), entries, serving: own.entry.id },
    adopted: previous?.payload.body.adopted ?? '',
  }
}

function leaseOfLabels({ labels, epoch }: Member): Lease {
  return {
    holder: JSON.parse(labels[label.holder] ?? '{}') as Holder,
    epoch,
    deadline: Number(labels[label.deadline] ?? 0),
  }
}
