import { once } from 'node:events'
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is done to a request instead of, or while, handing it on. */
export type Fault =
  | { kind: 'status'; status: number; body?: string }
  /** Nothing is answered, ever. */
  | { kind: 'stall' }
  /** The request is handed on after so many milliseconds. */
  | { kind: 'slow'; ms: number }
  /** The connection is cut before anything is answered. */
  | { kind: 'reset' }
  /** The request is handed on; the answer is cut after so many bytes of its body, at 0 before its head. */
  | { kind: 'cut'; bytes: number }

/** A way to an S3 server on which requests can go wrong. */
export interface S3Proxy {
  endpoint: string
  close(): Promise<void>
}

/** @param decide says what happens to a request: `PUT /bucket/key?partNumber=1`; undefined lets it pass */
export async function openS3Proxy(
  endpoint: string,
  decide: (line: string) => Fault | undefined,
): Promise<S3Proxy> {
  const server = createServer((incoming, answer) => {
    const fault = decide(`${incoming.method ?? ''} ${incoming.url ?? ''}`)
    if (fault?.kind === 'reset') {
      incoming.socket.resetAndDestroy()
    } else if (fault?.kind === 'status') {
      incoming.resume().once('end', () => answer.writeHead(fault.status).end(fault.body))
    } else if (fault?.kind === 'slow') {
      setTimeout(() => pass(endpoint, incoming, answer, Infinity), fault.ms)
    } else if (fault?.kind === 'stall') {
      incoming.resume()
    } else {
      pass(endpoint, incoming, answer, fault?.bytes ?? Infinity)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The headers go as they are: the signature covers the Host that the client knows. */
function pass(endpoint: string, incoming: IncomingMessage, answer: ServerResponse, most: number): void {
  const { hostname, port } = new URL(endpoint)
  const { method, url, headers } = incoming
  const outgoing = request({ hostname, port, method, path: url, headers }, upstream => {
    if (most === 0) {
      upstream.resume().once('end', () => answer.socket?.resetAndDestroy())
      return
    }
    answer.writeHead(upstream.statusCode ?? 502, upstream.headers)
    let sent = 0
    upstream.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(0, most - sent)
      sent += rest.length
      answer.write(rest)
      if (sent >= most) answer.socket?.resetAndDestroy()
    })
    upstream.on('end', () => answer.end())
    upstream.on('error', () => answer.destroy())
  })
  outgoing.on('error', () => answer.destroy())
  incoming.pipe(outgoing)
}
