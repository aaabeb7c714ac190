import http, { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A way to a service on which some requests fail: as told, in the order in which they come. */
export interface FaultProxy {
  /** The URL of the proxy, for one client: its requests fail as these values say. */
  open(faults: Iterator<boolean>): string
  close(): Promise<void>
}

/** Of failures, every other one is an answer of 503, and the others a connection that is cut off. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(upstream)
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 })
  const clients = new Map<string, { faults: Iterator<boolean>; failed: number }>()
  const server = createServer((request, response) => {
    const [, id = '', path = ''] = /^\/(\d+)(\/.*)$/.exec(request.url ?? '') ?? []
    const client = clients.get(id)
    if (client?.faults.next().value) {
      client.failed += 1
      if (client.failed % 2 === 1) response.writeHead(503).end()
      else request.socket.destroy()
      return
    }
    const asked = http.get({ hostname, port, path, agent }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    asked.on('error', () => request.socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    open(faults) {
      const id = String(clients.size)
      clients.set(id, { faults, failed: 0 })
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${id}`
    },
    async close() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
