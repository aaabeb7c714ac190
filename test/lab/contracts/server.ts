import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request whose body has come whole. */
export interface Asked {
  method: string
  /** Path and query. */
  path: string
  headers: IncomingHttpHeaders
  body: string
}

export interface Answer {
  status: number
  headers?: Record<string, string>
  /** Text as it is; anything else as JSON. */
  body?: unknown
}

export interface StandInServer {
  /** `http://127.0.0.1:41234`. */
  url: string
  stop: () => Promise<void>
}

/** A server on a free port of this machine. A handler that throws is a bug of the stand-in, and answers 500 with it. */
export async function serve(handle: (asked: Asked) => Answer): Promise<StandInServer> {
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming
    text(incoming)
      .then(body => handle({ method, path, headers, body }))
      .catch((error: unknown): Answer => ({ status: 500, body: String(error) }))
      .then(({ status, headers: said = {}, body = '' }) => {
        const isText = typeof body === 'string'
        outgoing.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...said })
        outgoing.end(isText ? body : JSON.stringify(body))
      })
      .catch(() => incoming.socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
