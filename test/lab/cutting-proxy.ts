import { rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Upstream } from './upstream.ts'

/** One request on its way through a door. */
export interface Passing {
  method: string
  /** With its query. */
  url: string
  headers: IncomingHttpHeaders
  /** 1 for the first request that changes something; undefined for reads, and for trials that change nothing. */
  write: number | undefined
  /** Of the answer; 0 until it is there. */
  status: number
  /** What was asked for: buffered whole, so that it can arrive after its sender has died. */
  body: Buffer
  /** The answer's body; empty until it is there, and for reads. */
  answer: Buffer
}

/** What becomes of requests on their way. A promise holds one up; a throw cuts it off. */
export interface Meddler {
  /** Before it is forwarded: when this throws, it never arrives. */
  before?(passing: Passing): Promise<void> | void
  /** It was carried out and its answer is whole: when this throws, the answer is lost. */
  carriedOut?(passing: Passing): Promise<void> | void
  /** Its answer has been handed over. */
  answered?(passing: Passing): void
}

/** A way to an upstream for one process: what it changes is numbered, and may be meddled with. */
export interface Door {
  /** `http://127.0.0.1:41234`, or `unix:///...` for an upstream with a socket. */
  address: string
  /** The requests that change something, in the order in which they came. */
  writes: Passing[]
  /** From now on nothing comes through, and what was open breaks. */
  shut(): void
  close(): Promise<void>
}

/** Opens a door. Reads are passed on as they come, watches and logs too; what changes something is buffered whole. */
export async function openDoor(upstream: Upstream, meddler: Meddler = {}): Promise<Door> {
  const sockets = new Set<Socket>()
  const writes: Passing[] = []
  let isShut = false

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = '', url = '', headers } = incoming
    const body = await bufferOf(incoming)
    const passing: Passing = {
      method,
      url,
      headers,
      write: undefined,
      status: 0,
      body,
      answer: Buffer.alloc(0),
    }
    if (isChange(passing)) passing.write = writes.push(passing)
    await meddler.before?.(passing)
    const answer = await forward(upstream, passing, outgoing)
    passing.status = answer.statusCode ?? 0
    if (passing.write === undefined) {
      outgoing.writeHead(passing.status, answer.headers)
      answer.on('error', () => outgoing.destroy()).pipe(outgoing)
      return
    }
    const content = await bufferOf(answer)
    passing.answer = content
    await meddler.carriedOut?.(passing)
    const { 'transfer-encoding': _chunks, ...said } = answer.headers
    outgoing.writeHead(passing.status, { ...said, 'content-length': String(content.length) })
    outgoing.end(content, () => meddler.answered?.(passing))
  }

  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => incoming.socket.destroy())
  })
  server.on('connection', (socket: Socket) => {
    if (isShut) return void socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined)
  })
  // A hijacked connection (attach, exec) is no more than bytes in both directions.
  server.on('upgrade', (incoming, socket: Socket, head) => {
    const onward = upstream.request({
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
    })
    onward.on('upgrade', (answer, far, farHead) => {
      const lines = answer.rawHeaders.flatMap((name, at, all) =>
        at % 2 === 0 ? [`${name}: ${all[at + 1] ?? ''}`] : [],
      )
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      socket.write(farHead)
      far.write(head)
      far.on('error', () => socket.destroy()).pipe(socket)
      socket.pipe(far)
    })
    onward.on('error', () => socket.destroy())
    onward.end()
  })
  const { listen } = upstream
  await new Promise<void>(resolve =>
    listen ? server.listen(listen(), resolve) : server.listen(0, '127.0.0.1', resolve),
  )
  const where: AddressInfo | string = server.address() ?? ''
  const shut = () => {
    isShut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    address: typeof where === 'string' ? `unix://${where}` : `http://127.0.0.1:${where.port}`,
    writes,
    shut,
    async close() {
      shut()
      await new Promise(resolve => server.close(resolve))
      if (typeof where === 'string') rmSync(where, { force: true })
    },
  }
}

/** Sends one request on, by itself: one that was kept back arrives when this is called. */
export function forward(
  upstream: Upstream,
  { method, url, headers, body, write }: Passing,
  reader?: ServerResponse,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { host: _ours, connection: _each, 'transfer-encoding': _chunks, ...rest } = headers
    const sent = upstream.request({
      method,
      path: url,
      headers: { ...rest, ...(write === undefined ? {} : { 'content-length': String(body.length) }) },
    })
    sent.on('response', resolve).on('error', reject)
    // A read whose reader is gone is not waited for; a change is carried out all the same.
    if (write === undefined) reader?.on('close', () => sent.destroy())
    sent.end(body)
  })
}

function isChange({ method, url }: Passing): boolean {
  // A review of one's own rights is a question, though it is sent by POST.
  return !['GET', 'HEAD'].includes(method) && !/dryRun=All|\/selfsubject\w*reviews/.test(url)
}

async function bufferOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
