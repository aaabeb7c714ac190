import { messageOf, ToolError } from '../../../outcome/errors.ts'
import type { Cause } from '../../target.ts'
import {
  create,
  inspect,
  listContainers,
  remove,
  setRestartPolicy,
  start,
  stop,
  tolerate,
  type ContainerDetail,
  type ContainerSummary,
  type CreateBody,
} from '../engine/containers.ts'
import { belongsTo, label, type Fleet, type Member } from './fleet.ts'
import { readSettledLog } from '../inspect/evidence.ts'
import { takeName } from './names.ts'
import { serviceBody, trialBody, type Identity } from './payload.ts'
import { collide, publishedPorts, showPort, type PublishedPort } from '../engine/ports.ts'
import { copiesOf } from '../state/record-copy.ts'
import type { Context } from '../engine/context.ts'
import { putCopy } from '../state/store.ts'

/** As `docker stop` does when neither image nor container says how long. */
const defaultGraceS = 10

/** Starts the release beside the good one, without its ports: what ends or hangs there has interrupted nothing. */
export async function startTrial(
  context: Context,
  identity: Identity,
  check: () => Promise<unknown>,
): Promise<void> {
  const { engine, names, adapters } = context
  const id = await createAnew(context, names.trial(identity.record.entry.id), trialBody(context, identity))
  // A run that took over meanwhile does not know of it: its creation alone could not be fenced off.
  await removedUnless(context, id, check)
  try {
    await start(engine, id)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    adapters.log.debug(`The trial did not start: ${error.message}`)
  }
}

async function removedUnless({ engine }: Context, id: string, check: () => Promise<unknown>): Promise<void> {
  try {
    await check()
  } catch (error) {
    await remove(engine, id)
    throw error
  }
}

/**
 * Moves the ports: the container that is to serve is created, the one that serves is asked to end, and in the moment
 * that it has, the new one is started. What it is doing then it may finish (its stop signal and grace). The gap is its
 * end, the start of a container, and the boot of the service; the trial has left everything in the page cache.
 *
 * Tried on 20.10 with a service of no boot at all, 5 runs, requests every 5 ms whatever became of the last one: none
 * refused for more than 0.24 to 0.55 s. What would be shorter, and why it is not done:
 * - Ports come to a running container only with its first network that is not internal, and go with it. One that booted
 *   on an internal network has the ports 0.15 to 0.23 s after the other let go of them; but a service that looks for its
 *   database while it boots finds none there, and one that goes on without it has booted ill.
 * - A range of ports (`3001-3002`) lets a new container boot beside the old one, and connecting and disconnecting one
 *   more network moves it to the port that became free: 0.27 s, whatever its boot takes. But Docker takes the ports of a
 *   range in turn, so that each restart of the container serves at the other port.
 * - Disconnecting the old container before it ends frees the port at once, and cuts every request that it is doing.
 * - Starting the new one at the old one's `network disconnect` event instead of its end saves 20 to 80 ms.
 * @param fleet as of now
 * @param check throws when the lease was lost
 * @returns why it could not be started; what had served runs again then
 */
export async function handOver(
  context: Context,
  fleet: Fleet,
  identity: Identity,
  check: () => Promise<Fleet>,
): Promise<Cause | undefined> {
  const { engine, names } = context
  const { id: release } = identity.record.entry
  const candidate = await createService(context, names.parked(release), identity)
  await removedUnless(context, candidate, check)
  const ending = await detailsOf(context, runningIn(fleet))
  await outliveReboot(context, ending)
  await stopAll(context, ending)
  try {
    await start(engine, candidate)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    const cause = await refusedStart(context, candidate, error)
    await remove(engine, candidate)
    for (const { Id, HostConfig } of ending) {
      await tolerate(404, () => start(engine, Id))
      if (restarts(HostConfig))
        await tolerate(404, () => setRestartPolicy(engine, Id, HostConfig.RestartPolicy))
    }
    return cause
  }
  await takeName(context, fleet, candidate, check)
  await keepStopped(context, ending)
  return undefined
}

/** Creates the container that is to serve, with its own record and the previous good one's in it. */
export async function createService(context: Context, name: string, identity: Identity): Promise<string> {
  const { record, previous } = identity
  const { files, digests } = copiesOf([record, ...(previous ? [previous] : [])])
  const body = serviceBody(context, identity)
  const labels = { ...body.Labels, [label.records]: digests }
  const id = await createAnew(context, name, { ...body, Labels: labels })
  await putCopy(context, { id, name }, files)
  return id
}

/** Creates a container under a name; what an earlier, interrupted attempt left there goes first. */
async function createAnew(context: Context, name: string, body: CreateBody): Promise<string> {
  const { engine, environment } = context
  const left = await inspect(engine, name)
  if (left && belongsTo(left.Config.Labels, environment)) await remove(engine, left.Id)
  try {
    return await create(engine, name, body)
  } catch (error) {
    if (!(error instanceof ToolError && error.code === 409)) throw error
    throw new ToolError(`a container that is not ours is called ${name}`, {
      tool: 'Docker engine',
      code: 409,
      hint: `Rename or remove it: docker rename ${name} ${name}-other`,
      cause: error,
    })
  }
}

/** What holds the service's ports, or may: ours, and one that was run by hand under the service's name. */
export function runningIn({ services, foreign }: Fleet): Member[] {
  return [...services, ...(foreign ? [foreign] : [])].filter(each => each.running)
}

/** What the engine says of those that are still there. */
export async function detailsOf(
  { engine }: Context,
  members: Pick<Member, 'id'>[],
): Promise<ContainerDetail[]> {
  const details = await Promise.all(members.map(({ id }) => inspect(engine, id)))
  return details.filter(detail => detail !== undefined)
}

/** Asks containers to end, and waits for it. */
export async function stopAll({ engine }: Context, ending: ContainerDetail[]): Promise<void> {
  await Promise.all(ending.map(({ Id, Config }) => stop(engine, Id, Config.StopTimeout ?? defaultGraceS)))
}

/**
 * Between two containers nothing runs. When the host is started again just then, Docker starts what was told to end only
 * if its policy is `always`, and never what was not yet started: so these get that policy for as long as it takes. One
 * that is not to be started again at all stays so.
 * @param containers with the configuration that they serve with
 */
export async function outliveReboot(
  { engine }: Context,
  containers: Pick<ContainerDetail, 'Id' | 'HostConfig'>[],
): Promise<void> {
  for (const { Id, HostConfig } of containers) {
    if (restarts(HostConfig)) await tolerate(404, () => setRestartPolicy(engine, Id, { Name: 'always' }))
  }
}

/** What is kept for the way back must not start with the engine and take the ports: its policy rests while it does. */
export async function keepStopped({ engine }: Context, stopped: ContainerDetail[]): Promise<void> {
  for (const { Id, HostConfig } of stopped)
    if (restarts(HostConfig)) await tolerate(404, () => setRestartPolicy(engine, Id, { Name: 'no' }))
}

function restarts({ RestartPolicy: policy }: ContainerDetail['HostConfig']): boolean {
  return !['', 'no', undefined].includes(policy?.Name)
}

async function refusedStart(context: Context, candidate: string, error: ToolError): Promise<Cause> {
  const { engine, names } = context
  const detail = await inspect(engine, candidate)
  const taken = /port is already allocated|address already in use/i.test(error.message)
  const holder = taken && detail ? await portHolder(context, detail) : ''
  const message = taken
    ? `the port of ${names.serving} is taken by ${holder}`
    : `container ${names.serving} could not be started: ${messageOf(error)}`
  const log = detail ? await readSettledLog(context, detail, 40) : ''
  return {
    class: taken ? 'port-taken' : 'bad-command',
    message,
    evidence: [
      {
        subject: `container ${names.serving}`,
        finding: error.message,
        tone: 'bad',
        ...(log ? { detail: log } : {}),
      },
    ],
  }
}

/** Who has one of the ports that a container wants. */
async function portHolder({ engine }: Context, { Id, HostConfig }: ContainerDetail): Promise<string> {
  const wanted = publishedPorts({ HostConfig })
  const holder = (await listContainers(engine)).find(each => each.Id !== Id && portTaken(each, wanted))
  if (!holder) return `a process of the host that is no container (${wanted.map(showPort).join(', ')})`
  const taken = portTaken(holder, wanted)
  return `container ${(holder.Names[0] ?? holder.Id).replace(/^\//, '')} (${taken ? showPort(taken) : ''})`
}

/** The first of these ports that a container publishes; undefined when it publishes none of them. */
export function portTaken(
  { Ports = [] }: ContainerSummary,
  wanted: PublishedPort[],
): PublishedPort | undefined {
  return wanted.find(port =>
    Ports.some(
      ({ IP = '', PublicPort, Type }) =>
        PublicPort !== undefined && collide(port, { address: IP, host: PublicPort, protocol: Type }),
    ),
  )
}
