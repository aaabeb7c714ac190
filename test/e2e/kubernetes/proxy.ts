import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What becomes of a request on its way: held up while a promise is open, cut off when it throws. */
export interface Meddler {
  /** Before it is forwarded: throwing means that it never arrives. */
  before?(line: string): Promise<void> | void
  /** Before its answer is given back: it was carried out. */
  after?(line: string): Promise<void> | void
}

export interface Proxy {
  /** Path of a kubeconfig that leads through the proxy, with the rights of the lab's own. */
  kubeconfig: string
  meddle(meddler: Meddler): void
  close(): Promise<void>
}

interface Kubeconfig {
  clusters: [
    { cluster: { server: string; 'certificate-authority-data'?: string; 'certificate-authority'?: string } },
  ]
  users: [{ user: Record<string, string> }]
}

/** An API server in front of the real one, whose requests can be held up and cut. */
export async function startProxy(kubeconfig: string, folder: string): Promise<Proxy> {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const [{ cluster }] = clusters
  const [{ user }] = users
  const material = (holder: Record<string, string | undefined>, key: string) => {
    const data = holder[`${key}-data`]
    const file = holder[key]
    return data ? Buffer.from(data, 'base64') : readFileSync(file ?? '')
  }
  const agent = new Agent({
    keepAlive: true,
    ca: material(cluster, 'certificate-authority'),
    cert: material(user, 'client-certificate'),
    key: material(user, 'client-key'),
  })
  let meddler: Meddler = {}
  const server = createServer((incoming, outgoing) => void pass(incoming, outgoing))

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const meddling = meddler
    const line = `${incoming.method ?? ''} ${incoming.url ?? ''}`
    try {
      await meddling.before?.(line)
    } catch {
      incoming.socket.destroy()
      return
    }
    const { 'content-type': type, 'content-length': length, accept } = incoming.headers
    const forwarded = request(
      `${cluster.server}${incoming.url ?? ''}`,
      {
        method: incoming.method,
        agent,
        headers: { accept, ...(length ? { 'content-type': type, 'content-length': length } : {}) },
      },
      answer => {
        const give = () => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
          answer.pipe(outgoing)
        }
        Promise.resolve()
          .then(() => meddling.after?.(line))
          .then(give, () => incoming.socket.destroy())
      },
    )
    forwarded.on('error', () => incoming.socket.destroy())
    outgoing.on('close', () => forwarded.destroy())
    incoming.pipe(forwarded)
  }

  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const through = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'proxy', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'proxy', user: {} }],
    contexts: [{ name: 'proxy', context: { cluster: 'proxy', user: 'proxy' } }],
    'current-context': 'proxy',
  }
  const file = join(folder, `proxy-${port}.kubeconfig`)
  writeFileSync(file, JSON.stringify(through))
  return {
    kubeconfig: file,
    meddle(next) {
      meddler = next
    },
    async close() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
