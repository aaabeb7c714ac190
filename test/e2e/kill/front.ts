import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What stands before a service for as long as its stage does: the url of its runbook. It sees each request. */
export interface Front {
  url: string
  /** Calls back at the so many-th request from now on, which is not answered; 0 ends that. */
  strikeAt(number: number, strike: () => void): void
  /** Requests since that was called last. */
  readonly requests: number
  close(): Promise<void>
}

/** @param base where the service is, like `http://10.0.0.1:80` */
export async function openFront(base: string): Promise<Front> {
  let [wanted, requests] = [0, 0]
  let strike: () => void = () => undefined
  const forward = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { method, url, headers } = incoming
    const onward = request(new URL(url ?? '/', base), { method: method ?? 'GET', headers, agent: false })
    onward.on('response', answer => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', () => outgoing.destroy()).pipe(outgoing)
    })
    // A service that does not answer: neither does its front.
    onward.on('error', () => incoming.socket.destroy())
    incoming.pipe(onward)
  }
  const server = createServer((incoming, outgoing) => {
    requests += 1
    if (requests === wanted) {
      strike()
      incoming.socket.destroy()
    } else forward(incoming, outgoing)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strikeAt(number, then) {
      wanted = number
      requests = 0
      strike = then
    },
    get requests() {
      return requests
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
