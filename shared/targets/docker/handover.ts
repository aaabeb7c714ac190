import { messageOf, ToolError } from '../../outcome/errors.ts'
import type { Cause } from '../target.ts'
import {
  create,
  inspect,
  listContainers,
  readLog,
  remove,
  setRestartPolicy,
  start,
  stop,
  tolerate,
  type ContainerDetail,
  type CreateBody,
} from './containers.ts'
import { label, type Fleet, type Member } from './fleet.ts'
import { takeName } from './names.ts'
import { publishedPorts, serviceBody, trialBody, type Identity } from './payload.ts'
import { packRecord, recordFile } from './record.ts'
import { putCopy, type Context } from './store.ts'

/** As `docker stop` does when neither image nor container says how long. */
const defaultGraceS = 10

/** Starts the release beside the good one, without its ports: what ends or hangs there has interrupted nothing. */
export async function startTrial(context: Context, identity: Identity): Promise<void> {
  const { engine, names, adapters } = context
  const id = await createAnew(context, names.trial(identity.record.entry.id), trialBody(context, identity))
  try {
    await start(engine, id)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    adapters.log.debug(`The trial did not start: ${error.message}`)
  }
}

/**
 * Moves the ports: the container that is to serve is created, the one that serves is asked to end, and in the moment
 * that it has, the new one is started. Docker gives a container its ports together with its way to the outside, so
 * that it cannot have the one without the other: the gap is the start of a process.
 * @param fleet as of now
 * @returns why it could not be started; what had served runs again then
 */
export async function handOver(
  context: Context,
  fleet: Fleet,
  identity: Identity,
): Promise<Cause | undefined> {
  const { engine, names } = context
  const { id: release } = identity.record.entry
  const candidate = await createService(context, names.parked(release), identity)
  const stopped = await stopAll(context, runningIn(fleet))
  try {
    await start(engine, candidate)
  } catch (error) {
    if (!(error instanceof ToolError) || error.code === undefined) throw error
    const cause = await refusedStart(context, candidate, error)
    await remove(engine, candidate)
    for (const { Id } of stopped) await tolerate(404, () => start(engine, Id))
    return cause
  }
  await takeName(context, fleet, candidate)
  await keepStopped(context, stopped)
  return undefined
}

/** Creates the container that is to serve, with its own record and the previous good one's in it. */
export async function createService(context: Context, name: string, identity: Identity): Promise<string> {
  const { record, previous } = identity
  const id = await createAnew(context, name, serviceBody(context, identity))
  const files = [record, previous]
    .filter(each => each !== undefined)
    .map(each => recordFile(each.entry.id, packRecord(each)))
  await putCopy(context, { id, name }, files)
  return id
}

/** Creates a container under a name; what an earlier, interrupted attempt left there goes first. */
async function createAnew(context: Context, name: string, body: CreateBody): Promise<string> {
  const { engine } = context
  const left = await inspect(engine, name)
  if (left?.Config.Labels?.[label.role] !== undefined) await remove(engine, left.Id)
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

/** What holds the service's ports, or may: ours, and one that somebody ran by hand under the service's name. */
export function runningIn({ services, foreign }: Fleet): Member[] {
  return [...services, ...(foreign ? [foreign] : [])].filter(each => each.running)
}

/** Asks containers to end, and waits for it. @returns what they were */
export async function stopAll({ engine }: Context, members: Member[]): Promise<ContainerDetail[]> {
  const details = await Promise.all(members.map(({ id }) => inspect(engine, id)))
  const there = details.filter(detail => detail !== undefined)
  await Promise.all(there.map(({ Id, Config }) => stop(engine, Id, Config.StopTimeout ?? defaultGraceS)))
  return there
}

/** A container whose policy is `always` would start with the engine and take the ports: its policy rests while it does. */
export async function keepStopped({ engine }: Context, stopped: ContainerDetail[]): Promise<void> {
  for (const { Id, HostConfig } of stopped) {
    if (HostConfig.RestartPolicy?.Name === 'always')
      await tolerate(404, () => setRestartPolicy(engine, Id, { Name: 'no' }))
  }
}

async function refusedStart(context: Context, candidate: string, error: ToolError): Promise<Cause> {
  const { engine, names, adapters } = context
  const detail = await inspect(engine, candidate)
  const taken = /port is already allocated|address already in use/i.test(error.message)
  const holder = taken && detail ? await portHolder(context, detail) : ''
  const message = taken
    ? `the port of ${names.serving} is taken by ${holder}`
    : `container ${names.serving} could not be started: ${messageOf(error)}`
  const log = adapters.secrets.redact(await readLog(engine, candidate, 40))
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
export async function portHolder(
  { engine }: Context,
  { Id, Config, HostConfig }: ContainerDetail,
): Promise<string> {
  const wanted = publishedPorts({ Image: Config.Image, HostConfig })
  const holder = (await listContainers(engine)).find(
    each => each.Id !== Id && each.Ports?.some(({ PublicPort = 0 }) => wanted.includes(PublicPort)),
  )
  const ports = wanted.join(', ')
  if (!holder) return `a process of the host that is no container (port ${ports})`
  return `container ${(holder.Names[0] ?? holder.Id).replace(/^\//, '')} (port ${ports})`
}
