import { ToolError } from '../../outcome/errors.ts'
import { resolveImage } from '../../platform/registry.ts'
import type { Change } from '../target.ts'
import { inspect, listContainers } from './containers.ts'
import { diffOf } from './diff.ts'
import { label, serving } from './fleet.ts'
import { inspectImage } from './images.ts'
import { publishedPorts } from './payload.ts'
import { unpackRecord, type ContainerPayload } from './record.ts'
import { readRecords, readStore, type Context } from './store.ts'

/** Tries all that can be tried without changing anything: image, network, ports, name. */
export async function rehearse(context: Context, { body }: ContainerPayload): Promise<Change[]> {
  const { environment, names } = context
  const stored = await readStore(context)
  const { fleet, ledger } = stored
  await checkImage(context, body.create.Image)
  await checkNetwork(context)
  await checkName(context)
  const ours = new Set(
    [...fleet.services, ...fleet.trials, ...(fleet.foreign ? [fleet.foreign] : [])].map(each => each.id),
  )
  await checkPorts(context, publishedPorts(body.create), ours)
  const object = `container ${names.serving}`
  const there = serving(fleet, names)
  if (!there) return [{ object, action: 'create', diff: diffOf(undefined, body.create) }]
  const record =
    there.release === null ? undefined : unpackRecord((await readRecords(context, fleet)).get(there.release))
  const same =
    record !== undefined && JSON.stringify(record.payload.body.create) === JSON.stringify(body.create)
  const stands = same && there.running && there.release === ledger.serving
  if (stands) return [{ object: `${object} (${environment.name})`, action: 'none' }]
  return [{ object, action: 'update', diff: diffOf(record?.payload.body.create, body.create) }]
}

async function checkImage(context: Context, image: string): Promise<void> {
  if (await inspectImage(context, image)) return
  await resolveImage(image, context.adapters)
}

async function checkNetwork({ engine, spec }: Context): Promise<void> {
  const { network } = spec
  if (network === undefined || ['bridge', 'host', 'none'].includes(network)) return
  const { status } = await engine.call('GET', `/networks/${encodeURIComponent(network)}`)
  if (status !== 404) return
  throw new ToolError(`${engine.place} has no network ${network}`, {
    tool: 'Docker engine',
    code: 404,
    hint: `Create it: docker network create ${network}`,
  })
}

async function checkName({ engine, environment, names }: Context): Promise<void> {
  const labels = (await inspect(engine, names.serving))?.Config.Labels
  const owner = labels?.[label.service]
  if (owner === undefined) return
  if (owner === environment.service && labels?.[label.environment] === environment.name) return
  throw new ToolError(
    `container ${names.serving} belongs to ${owner} in ${labels?.[label.environment] ?? 'another environment'}`,
    {
      tool: 'Docker engine',
      code: 409,
      hint: 'Give each environment on that host a container name of its own in the runbook.',
    },
  )
}

async function checkPorts({ engine }: Context, wanted: number[], ours: Set<string>): Promise<void> {
  for (const { Id, Names: found, Ports = [] } of await listContainers(engine)) {
    const port = ours.has(Id) ? undefined : Ports.find(({ PublicPort = 0 }) => wanted.includes(PublicPort))
    if (!port) continue
    const name = (found[0] ?? Id).replace(/^\//, '')
    throw new ToolError(`port ${String(port.PublicPort)} is taken by container ${name}`, {
      tool: 'Docker engine',
      code: 409,
      hint: `Stop ${name}, or choose another port in the runbook.`,
    })
  }
}
