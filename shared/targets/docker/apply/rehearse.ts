import { ToolError } from '../../../outcome/errors.ts'
import { resolveImage } from '../../../integrations/registry/registry.ts'
import type { Change } from '../../target.ts'
import { inspect, listContainers } from '../engine/containers.ts'
import { diffOf } from '../inspect/diff.ts'
import { label, serving } from './fleet.ts'
import { inspectImage } from '../engine/images.ts'
import { portTaken } from './handover.ts'
import { settingsInPlace } from './adopt.ts'
import { mountsOf, ofBind, type MountSpec } from '../mounts/mounts.ts'
import { parsePort, showPort, type PublishedPort } from '../engine/ports.ts'
import { checkVolumes, previousMounts } from '../mounts/release-mounts.ts'
import { replacementFor } from './replacement.ts'
import { unpackRecord, type ContainerPayload } from '../state/record.ts'
import type { Context } from '../engine/context.ts'
import { readRecords, readStore } from '../state/store.ts'

/** Tries all that can be tried without changing anything: image, network, ports, name. */
export async function rehearse(context: Context, { body }: ContainerPayload): Promise<Change[]> {
  const { engine, environment, names } = context
  const stored = await readStore(context)
  const { fleet, ledger } = stored
  await checkImage(context, body.create.Image)
  await checkNetwork(context)
  await checkName(context)
  const ours = new Set(
    [...fleet.services, ...fleet.trials, ...(fleet.foreign ? [fleet.foreign] : [])].map(each => each.id),
  )
  await checkPorts(context, context.spec.ports.map(parsePort), ours)
  const previous = await previousMounts(context, stored)
  const mounts = mountsOf(body.create)
  await checkVolumes(context, mounts, previous)
  const object = `container ${names.serving}`
  const there = serving(fleet, names)
  const carried = carriedLines(context, mounts, previous)
  if (!there) {
    const diff = [diffOf(undefined, body.create), ...carried].join('\n')
    return [{ object, action: 'create', diff }]
  }
  const detail = await inspect(engine, there.id)
  const record =
    there.release === null ? undefined : unpackRecord((await readRecords(context, fleet)).get(there.release))
  const same =
    record !== undefined && JSON.stringify(record.payload.body.create) === JSON.stringify(body.create)
  const stands = same && there.running && there.release === ledger.serving
  if (stands) return [{ object: `${object} (${environment.name})`, action: 'none' }]
  const foreign = fleet.foreign && (await inspect(engine, fleet.foreign.id))
  const before = foreign ? await settingsInPlace(context, foreign) : record?.payload.body.create
  const diff = diffOf(before, body.create)
  const replacement = await replacementFor(context, fleet, body.create)
  const lines = [
    diff,
    ...carried,
    ...(foreign || record?.payload.body.adopted ? leftOut(diff) : []),
    ...(detail?.HostConfig.AutoRemove
      ? [`! ${there.name} was started with --rm: what it wrote outside its volumes is lost when it ends`]
      : []),
    ...(replacement?.kind === 'stop-first'
      ? [`! the previous container ends before the new one starts, since ${replacement.why}`]
      : []),
  ]
  return [{ object, action: 'update', diff: lines.filter(line => line !== '').join('\n') }]
}

/** Mounts that the release has because the previous container had them. */
function carriedLines({ spec }: Context, mounts: MountSpec[], previous: MountSpec[]): string[] {
  const named = new Set((spec.volumes ?? []).map(text => ofBind(text).path))
  return mounts
    .filter(
      ({ path, source }) =>
        !named.has(path) && previous.some(each => each.path === path && each.source === source),
    )
    .map(({ path, source }) => `= mount ${path}: ${source} is taken over from the previous container`)
}

/** What a container has that runbook-actions did not create, and the release would not have. */
function leftOut(diff: string): string[] {
  const lines = diff.split('\n')
  const subject = (line: string) => line.slice(2).split(':')[0] ?? ''
  const added = new Set(lines.filter(line => line.startsWith('+ ')).map(subject))
  const gone = lines
    .filter(line => line.startsWith('- '))
    .map(subject)
    .filter(each => !added.has(each))
  return gone.length === 0
    ? []
    : [`! the new container does not have what the present one has: ${gone.join(', ')}`]
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

async function checkPorts({ engine }: Context, wanted: PublishedPort[], ours: Set<string>): Promise<void> {
  for (const container of await listContainers(engine)) {
    const port = ours.has(container.Id) ? undefined : portTaken(container, wanted)
    if (!port) continue
    const name = (container.Names[0] ?? container.Id).replace(/^\//, '')
    throw new ToolError(`${showPort(port)} is taken by container ${name}`, {
      tool: 'Docker engine',
      code: 409,
      hint: `Stop ${name}, or choose another port in the runbook.`,
    })
  }
}
