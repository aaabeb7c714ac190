import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http, { type ClientRequest, type RequestOptions } from 'node:http'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'

/** What stands behind a cutting proxy. */
export interface Upstream {
  request(options: RequestOptions): ClientRequest
  /** The path of a socket for the next door; without it, a port of this machine. */
  listen?: () => string
  close(): void
}

interface Kubeconfig {
  clusters: [{ cluster: Record<string, string> }]
  users: [{ user: Record<string, string> }]
}

/** The API server that a kubeconfig names, with the rights that it gives. */
export function apiServer(kubeconfig: string): Upstream {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig
  const [{ cluster }] = clusters
  const [{ user }] = users
  const material = (from: Record<string, string>, key: string) => {
    const data = from[`${key}-data`]
    return data ? Buffer.from(data, 'base64') : readFileSync(from[key] ?? '')
  }
  const agent = new https.Agent({
    keepAlive: true,
    ca: material(cluster, 'certificate-authority'),
    cert: material(user, 'client-certificate'),
    key: material(user, 'client-key'),
  })
  const { hostname, port } = new URL(cluster['server'] ?? '')
  return {
    request: options => https.request({ hostname, port, ...options, agent }),
    close: () => agent.destroy(),
  }
}

/** A kubeconfig's text that leads through a door. */
export function kubeconfigThrough(address: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'door', cluster: { server: address } }],
    users: [{ name: 'door', user: {} }],
    contexts: [{ name: 'door', context: { cluster: 'door', user: 'door' } }],
    'current-context': 'door',
  })
}

/** The Docker engine behind a unix socket. @param host as DOCKER_HOST has it */
export function dockerEngine(host: string): Upstream {
  const socketPath = host.replace('unix://', '')
  const agent = new http.Agent({ keepAlive: false })
  return {
    request: options => http.request({ socketPath, ...options, agent }),
    listen: () => join(tmpdir(), `door-${randomUUID().slice(0, 8)}.sock`),
    close: () => agent.destroy(),
  }
}
