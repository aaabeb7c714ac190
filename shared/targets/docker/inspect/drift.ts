import type { Drift } from '../../target.ts'
import { inspect, type ContainerDetail, type CreateBody } from '../engine/containers.ts'
import { serving } from '../apply/fleet.ts'
import { unpackRecord } from '../state/record.ts'
import type { Context } from '../engine/context.ts'
import { readRecords, readStore } from '../state/store.ts'

/** What of the container that serves is not as its release was recorded. An engine does not keep who changed it. */
export async function readDrift(context: Context): Promise<Drift[]> {
  const { engine, names } = context
  const { fleet, ledger } = await readStore(context)
  if (ledger.serving === null) return []
  const object = `container ${names.serving}`
  const drift = (what: string): Drift => ({ object, what, by: '' })
  const there = serving(fleet, names)
  const detail = there && (await inspect(engine, there.id))
  if (!there || !detail) return [drift('is gone')]
  if (there.release !== ledger.serving) {
    const whose = there.release ?? `no release: it was run by hand from ${detail.Config.Image}`
    return [drift(`is of ${whose}, and ${ledger.serving} was released`)]
  }
  const record = unpackRecord((await readRecords(context, fleet)).get(ledger.serving))
  const found = there.name === names.serving ? [] : [drift(`is called ${there.name}`)]
  if (!detail.State.Running) found.push(drift('does not run'))
  if (detail.State.Status === 'paused') found.push(drift('is paused'))
  return record ? [...found, ...differences(record.payload.body.create, detail).map(drift)] : found
}

/** What of a container can be changed while it lives: `docker update`, `docker network connect`. */
export function differences(recorded: CreateBody, live: ContainerDetail): string[] {
  const policy = (body: Pick<CreateBody, 'HostConfig'>) => body.HostConfig?.RestartPolicy?.Name ?? 'no'
  const said: string[] = []
  if (policy(live) !== policy(recorded))
    said.push(`restart policy is ${policy(live)}, recorded as ${policy(recorded)}`)
  for (const limit of ['Memory', 'NanoCpus', 'CpuShares', 'CpuQuota', 'PidsLimit']) {
    const [now, then] = [live.HostConfig[limit] ?? 0, recorded.HostConfig?.[limit] ?? 0]
    if (now !== then) said.push(`${limit} is ${JSON.stringify(now)}, recorded as ${JSON.stringify(then)}`)
  }
  const [now, then] = [networksOf(live), recordedNetworks(recorded)]
  for (const network of now) if (!then.includes(network)) said.push(`is on network ${network} as well`)
  for (const network of then) if (!now.includes(network)) said.push(`is not on network ${network} any more`)
  return said
}

function networksOf({ NetworkSettings: { Networks: networks } }: ContainerDetail): string[] {
  return Object.keys(networks ?? {}).sort()
}

/** Those that a container was created on. One that shares another's network (`container:...`) has none of its own. */
function recordedNetworks({ NetworkingConfig: networking, HostConfig: host }: CreateBody): string[] {
  const named = Object.keys(networking?.EndpointsConfig ?? {}).sort()
  if (named.length > 0) return named
  const mode = host?.NetworkMode ?? 'default'
  if (mode.startsWith('container:')) return []
  return [mode === 'default' ? 'bridge' : mode]
}
