import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'

// A machine that GitHub hosts has a Docker engine in which nothing runs. The lab has one engine for all: through a socket of its own, a
// job sees only the containers, volumes and networks that it has made itself, and what it leaves is removed with its machine. Images
// are those of the lab's engine, as if all had been pulled: the base image has no registry here.

/** The engine of one job. */
export interface OwnEngine {
  /** Path. */
  socket: string
  /** Removes what the job left. */
  close(): Promise<void>
}

/** Names and ids of what a job has made. */
export type Belongings = Record<Kind, Set<string>>
type Kind = 'containers' | 'volumes' | 'networks'

const builtInNetworks = ['bridge', 'host', 'none']

export const newBelongings = (): Belongings => ({
  containers: new Set(),
  volumes: new Set(),
  networks: new Set(builtInNetworks),
})

/** @param host of the lab's engine, as DOCKER_HOST has it */
export async function openOwnEngine(host: string, socket: string): Promise<OwnEngine> {
  const socketPath = host.replace('unix://', '')
  const own = newBelongings()
  const sockets = new Set<Socket>()
  const onward = ({ method = '', url = '', headers }: IncomingMessage) =>
    request({ socketPath, method, path: url, headers, agent: false })

  const ask = async (method: string, path: string): Promise<number> => {
    const sent = request({ socketPath, method, path, agent: false })
    sent.end()
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    await text(answer)
    return answer.statusCode ?? 0
  }
  const isThere = async (path: string) => (await ask('GET', path)) === 200

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = incoming
    const place = placeOf(method, url)
    if (place.refersTo && !isOwn(own, place.refersTo)) {
      const { kind, name } = place.refersTo
      answerWith(outgoing, 404, `No such ${kind.slice(0, -1)}: ${name}`)
      return
    }
    const body = place.creates ? await text(incoming) : ''
    const volumes = place.creates ? volumesOf(place.creates, body) : []
    for (const name of volumes)
      if (!own.volumes.has(name) && (await isThere(`/volumes/${encodeURIComponent(name)}`))) {
        answerWith(outgoing, 500, `the lab has a volume ${name} already, which is not this job's`)
        return
      }
    const sent = onward(incoming)
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    outgoing.on('close', () => sent.destroy())
    if (!place.lists && !place.creates) {
      incoming.pipe(sent)
      const [answer] = await answered
      outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.pipe(outgoing)
      return
    }
    sent.end(body)
    const [answer] = await answered
    const status = answer.statusCode ?? 0
    const content = await text(answer)
    if (place.creates && status < 300) {
      for (const name of createdBy(url, content)) own[place.creates].add(name)
      for (const name of volumes) own.volumes.add(name)
    }
    const shown = place.lists && status < 300 ? ownOf(own, place.lists, content) : content
    const { 'transfer-encoding': _chunks, ...rest } = answer.headers
    outgoing.writeHead(status, { ...rest, 'content-length': String(Buffer.byteLength(shown)) })
    outgoing.end(shown)
  }

  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => incoming.socket.destroy())
  })
  server.on('connection', (connection: Socket) => {
    sockets.add(connection)
    connection.on('close', () => sockets.delete(connection)).on('error', () => undefined)
  })
  server.on('upgrade', (incoming, near: Socket, head) => {
    const sent = onward(incoming)
    sent.on('upgrade', (answer, far, farHead) => {
      const lines = answer.rawHeaders.map((part, at) => `${part}${at % 2 === 0 ? ': ' : '\r\n'}`)
      near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
      near.write(farHead)
      far.write(head)
      far.on('error', () => near.destroy()).pipe(near)
      near.on('error', () => far.destroy()).pipe(far)
    })
    sent.on('error', () => near.destroy())
    sent.end()
  })
  server.listen(socket)
  await once(server, 'listening')

  const remove = (path: string) => ask('DELETE', path)
  return {
    socket,
    async close() {
      for (const connection of sockets) connection.destroy()
      server.close()
      await once(server, 'close')
      for (const id of own.containers) await remove(`/containers/${id}?force=true&v=true`)
      for (const name of own.volumes) await remove(`/volumes/${name}?force=true`)
      for (const id of [...own.networks].filter(name => !builtInNetworks.includes(name)))
        await remove(`/networks/${id}`)
    },
  }
}

function answerWith(outgoing: ServerResponse, status: number, message: string): void {
  outgoing.writeHead(status, { 'content-type': 'application/json' })
  outgoing.end(JSON.stringify({ message }))
}

interface Place {
  lists?: Kind
  creates?: Kind
  refersTo?: { kind: Kind; name: string }
}

/** What a request to the engine's API is about. */
export function placeOf(method: string, url: string): Place {
  const path = decodeURIComponent(url.replace(/\?.*$/s, '').replace(/^\/v\d+\.\d+/, ''))
  const [, first, name, tail] = /^\/(containers|volumes|networks)(?:\/([^/]+)(\/.*)?)?$/.exec(path) ?? []
  if (first === undefined) return {}
  const kind = first as Kind
  if (method === 'GET' && (name === undefined || (kind === 'containers' && name === 'json' && !tail)))
    return { lists: kind }
  if (method === 'POST' && name === 'create') return { creates: kind }
  return name === undefined || name === 'prune' ? {} : { refersTo: { kind, name } }
}

/** By name or id, which may be cut. */
export function isOwn(own: Belongings, { kind, name }: { kind: Kind; name: string }): boolean {
  const isId = /^[0-9a-f]{4,64}$/.test(name)
  return (
    own[kind].has(name) || (isId && [...own[kind]].some(each => each.length === 64 && each.startsWith(name)))
  )
}

/** The volumes that a new object is, or uses by name. */
export function volumesOf(kind: Kind, body: string): string[] {
  const { Name, HostConfig: { Binds, Mounts } = {} } = JSON.parse(body || '{}') as {
    Name?: string
    HostConfig?: { Binds?: string[] | null; Mounts?: { Type: string; Source?: string }[] | null }
  }
  const bound = (Binds ?? []).map(bind => bind.replace(/:.*$/, '')).filter(name => !name.startsWith('/'))
  const mounted = (Mounts ?? []).flatMap(({ Type, Source }) => (Type === 'volume' && Source ? [Source] : []))
  return kind === 'volumes' && Name ? [Name] : [...bound, ...mounted]
}

function createdBy(url: string, answer: string): string[] {
  const { Id, Name } = JSON.parse(answer) as { Id?: string; Name?: string }
  const asked = new URL(url, 'http://engine').searchParams.get('name')
  return [Id, Name, asked].filter(name => typeof name === 'string')
}

/** A list with only what is the job's own. */
export function ownOf(own: Belongings, kind: Kind, list: string): string {
  const owns = (name: string | undefined) => name !== undefined && isOwn(own, { kind, name })
  const content = JSON.parse(list) as unknown
  if (kind !== 'volumes')
    return JSON.stringify(
      (content as { Id?: string; Name?: string }[]).filter(each => owns(each.Id) || owns(each.Name)),
    )
  const { Volumes, ...rest } = content as { Volumes: { Name: string }[] | null }
  return JSON.stringify({ ...rest, Volumes: (Volumes ?? []).filter(({ Name }) => owns(Name)) })
}
