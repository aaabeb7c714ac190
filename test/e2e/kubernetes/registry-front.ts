import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Trouble } from './slow-starts.ts'

/** A registry in front of the lab's, which fails the node for a while: what is pulled at the second try. */
export interface RegistryFront {
  /**
   * A name for an image of the lab's registry under which it was not pulled yet; the node alone meets the trouble,
   * from its first question on.
   */
  troubled(image: string, label: string, trouble: Trouble): string
  close(): Promise<void>
}

/** @param registry `localhost:5000` */
export async function openRegistryFront(registry: string): Promise<RegistryFront> {
  const troubles = new Map<string, Trouble & { since?: number }>()
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing))

  async function answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const [, label = '', rest = ''] = /^\/v2\/([^/]+)\/(.+)$/.exec(incoming.url ?? '') ?? []
    const trouble = troubles.get(label)
    const byNode = incoming.headers['user-agent']?.includes('containerd')
    if (trouble && byNode) {
      trouble.since ??= performance.now()
      const left = trouble.since + trouble.forMs - performance.now()
      if (left > 0 && trouble.answer === 'slow') await pause(left)
      else if (left > 0 && trouble.answer === 'cut') return void incoming.socket.destroy()
      else if (left > 0) return void outgoing.writeHead(Number(trouble.answer)).end()
    }
    const path = label ? `/v2/${rest}` : (incoming.url ?? '')
    const forwarded = request(
      `http://${registry}${path}`,
      { method: incoming.method, headers: incoming.headers },
      given => {
        outgoing.writeHead(given.statusCode ?? 502, given.headers)
        given.pipe(outgoing)
      },
    )
    forwarded.on('error', () => incoming.socket.destroy())
    incoming.pipe(forwarded)
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    troubled(image, label, trouble) {
      troubles.set(label, { ...trouble })
      return image.replace(registry, `localhost:${port}/${label}`)
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
