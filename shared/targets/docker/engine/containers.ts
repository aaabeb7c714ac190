import { ToolError } from '../../../outcome/errors.ts'
import { refusal, type Engine } from './engine.ts'
import { packTar, unpackTar, type ArchivedFile } from './tar.ts'

/** One line of the engine's list of containers, as far as it matters here. */
export interface ContainerSummary {
  Id: string
  /** With a leading slash. */
  Names: string[]
  Image: string
  Labels: Record<string, string> | null
  State: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead'
  Ports?: { IP?: string; PublicPort?: number; Type: 'tcp' | 'udp' | 'sctp' }[]
}

/** What the engine says of one container, as far as it matters here. */
export interface ContainerDetail {
  Id: string
  Name: string
  /** Id of the image. */
  Image: string
  RestartCount: number
  State: {
    Status: ContainerSummary['State']
    Running: boolean
    Restarting: boolean
    OOMKilled: boolean
    ExitCode: number
    /** Why it could not be started. */
    Error: string
    StartedAt: string
    Health?: { Status: 'none' | 'starting' | 'healthy' | 'unhealthy'; Log: { Output: string }[] | null }
  }
  Config: CreateBody & { Hostname?: string }
  HostConfig: HostConfig
  NetworkSettings: {
    Networks: Record<string, Endpoint | null> | null
    /** What is published while it runs. */
    Ports?: PortBindings
  }
  /** What is mounted in it, however that was asked for. */
  Mounts?: { Type: string; Name?: string; Source?: string; Destination: string; RW: boolean }[]
}

/** A container's place on one network. */
export interface Endpoint {
  [key: string]: unknown
  Aliases?: string[] | null
  NetworkID?: string
  MacAddress?: string
}

export type PortBindings = Record<string, { HostIp?: string; HostPort: string }[] | null>

export interface HostConfig {
  [key: string]: unknown
  PortBindings?: PortBindings | null
  RestartPolicy?: { Name: string; MaximumRetryCount?: number }
  NetworkMode?: string
  AutoRemove?: boolean
  LogConfig?: { Type: string }
  PublishAllPorts?: boolean
  /** `NAME:/path`, `/folder:/path:ro` */
  Binds?: string[] | null
  Mounts?: Mount[] | null
  /** Options by path. */
  Tmpfs?: Record<string, string> | null
  /** Asked for as `db:alias`; told as `/db:/container/alias`. */
  Links?: string[] | null
}

/** One of `HostConfig.Mounts`. */
export interface Mount {
  [key: string]: unknown
  Type: string
  /** Empty or missing: the engine makes a volume up. */
  Source?: string
  Target: string
  ReadOnly?: boolean
}

/** The body of `POST /containers/create`. */
export interface CreateBody {
  [key: string]: unknown
  Image: string
  Env?: string[]
  Labels?: Record<string, string>
  ExposedPorts?: Record<string, object>
  StopTimeout?: number
  Healthcheck?: { Test?: string[] }
  HostConfig?: HostConfig
  NetworkingConfig?: { EndpointsConfig: Record<string, Endpoint> }
}

/** The variables that a container is given. */
export function variablesOf({ Env }: Pick<CreateBody, 'Env'>): Record<string, string> {
  return Object.fromEntries(
    (Env ?? []).map(line => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

/** Every container of the engine, stopped ones too. */
export function listContainers(engine: Engine): Promise<ContainerSummary[]> {
  return engine.json('GET', '/containers/json', { query: { all: true } })
}

/** @param container id or name */
export async function inspect(engine: Engine, container: string): Promise<ContainerDetail | undefined> {
  const path = `/containers/${container}/json`
  const { status, body } = await engine.call('GET', path)
  if (status === 404) return undefined
  if (status >= 400) throw refusal('GET', path, status, body)
  return JSON.parse(body.toString('utf8')) as ContainerDetail
}

/** @returns its id. A ToolError with code 409 says that the name is taken, with 404 that the image is not there. */
export async function create(engine: Engine, name: string, body: CreateBody): Promise<string> {
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {})
  // Engines before API 1.44 take one network at a creation; the one that the mode names has to be it.
  const [first, ...others] = endpoints.sort(([a]) => (a === body.HostConfig?.NetworkMode ? -1 : 1))
  const networking = first && { NetworkingConfig: { EndpointsConfig: { [first[0]]: first[1] } } }
  const { Id } = await engine.json<{ Id: string }>('POST', '/containers/create', {
    query: { name },
    body: { ...body, ...networking },
  })
  for (const [network, EndpointConfig] of others)
    await engine.json('POST', `/networks/${network}/connect`, { body: { Container: Id, EndpointConfig } })
  return Id
}

export async function start(engine: Engine, id: string): Promise<void> {
  await engine.json('POST', `/containers/${id}/start`)
}

/** Ends it as its image asks to be ended, and for good once `graceS` seconds are over. It may be gone already. */
export async function stop(engine: Engine, id: string, graceS: number): Promise<void> {
  const query = { t: graceS }
  await tolerate(404, () =>
    engine.json('POST', `/containers/${id}/stop`, { query, idleMs: (graceS + 30) * 1_000 }),
  )
}

export async function rename(engine: Engine, id: string, name: string): Promise<void> {
  await engine.json('POST', `/containers/${id}/rename`, { query: { name } })
}

/**
 * Removes it, running or not, and none of its volumes: what was written to one cannot be made again. It may be gone
 * already, or be going.
 */
export async function remove(engine: Engine, id: string): Promise<void> {
  await tolerate(404, () =>
    tolerate(409, () => engine.json('DELETE', `/containers/${id}`, { query: { force: true } })),
  )
}

export async function setRestartPolicy(
  engine: Engine,
  id: string,
  policy: HostConfig['RestartPolicy'],
): Promise<void> {
  await engine.json('POST', `/containers/${id}/update`, { body: { RestartPolicy: policy ?? { Name: 'no' } } })
}

/**
 * The end of what a container wrote in all its runs, both streams in order. Empty when it wrote nothing, or is gone; a
 * log driver that cannot be read is named.
 */
export async function readLog(engine: Engine, id: string, lines: number): Promise<string> {
  const query = { stdout: true, stderr: true, tail: lines }
  const { status, body } = await engine.call('GET', `/containers/${id}/logs`, { query })
  if (status === 200) return demultiplex(body).trimEnd()
  const driver = status === 404 ? undefined : (await inspect(engine, id))?.HostConfig.LogConfig?.Type
  return driver === undefined
    ? ''
    : `(its log is kept by the log driver ${driver}, which cannot be read here)`
}

/** Writes small files into a container, whether it runs, was never started or has ended. */
export async function putFiles(engine: Engine, id: string, files: ArchivedFile[]): Promise<void> {
  await engine.json('PUT', `/containers/${id}/archive`, { query: { path: '/' }, archive: packTar(files) })
}

/** Reads the files of one folder of a container; none when folder or container is not there. */
export async function getFiles(engine: Engine, id: string, folder: string): Promise<ArchivedFile[]> {
  const path = `/containers/${id}/archive`
  const { status, body } = await engine.call('GET', path, { query: { path: folder } })
  if (status === 404) return []
  if (status >= 400) throw refusal('GET', path, status, body)
  return unpackTar(body)
}

/** Runs a call whose failure with this status is no failure. */
export async function tolerate(status: number, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof ToolError && error.code === status)) throw error
  }
}

/** Without a terminal both streams come in frames: one byte of stream, three of nothing, four of length. */
export function demultiplex(raw: Buffer): string {
  const framed = raw.length >= 8 && (raw[0] ?? 9) <= 2 && raw[1] === 0 && raw[2] === 0 && raw[3] === 0
  if (!framed) return raw.toString('utf8')
  const parts: Buffer[] = []
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4)
    parts.push(raw.subarray(at + 8, at + 8 + length))
    at += 8 + length
  }
  return Buffer.concat(parts).toString('utf8')
}
