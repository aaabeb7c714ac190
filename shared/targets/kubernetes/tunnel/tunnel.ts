import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { isExpected, messageOf, ToolError } from '../../../outcome/errors.ts'
import { parsePlace } from '../../../config/place.ts'
import type { Adapters } from '../../adapters.ts'
import type { Trouble, Tunnel } from '../../tunnel.ts'
import { ApiError } from '../api/api-error.ts'
import { createClient } from '../api/client.ts'
import { findEndpoint, isThere, type Endpoint } from './endpoint.ts'
import { connect } from '../api/kubeconfig.ts'
import { isGone, join, openForward } from './port-forward.ts'

/** Where names are looked up that say no more. */
export interface TunnelScope {
  namespace: string
  /** Of the kubeconfig; undefined: its current one. */
  context: string | undefined
}

/**
 * Opens a port on this machine whose every connection comes out at a pod, through the API server: what a runner that is
 * outside of the cluster's network has. Each has a WebSocket of its own, so that none waits for another one. When the
 * pod is replaced, the next connection goes to another one of its Service.
 * @param where the input's name, or the place in the runbook, for errors
 * @throws InputError for a text that is no place, ToolError when nothing is there to connect to
 */
export async function openTunnel(
  where: string,
  text: string,
  scope: TunnelScope,
  adapters: Adapters,
): Promise<Tunnel> {
  const place = parsePlace(where, text)
  const { clock, signal, log } = adapters
  const connection = connect(adapters, scope.context)
  const client = createClient(connection, clock, signal)
  const find = () => findEndpoint(client, place, place.namespace || scope.namespace)
  const sockets = new Set<Socket>()
  let trouble = Promise.resolve<Trouble | undefined>(undefined)
  let closed = false
  let endpoint: Promise<Endpoint>

  /** A pod that has gone is looked for once more. */
  const forward = async () => {
    const known = endpoint
    try {
      return { end: await known, remote: await openForward(connection, await known) }
    } catch (error) {
      if (!isGone(error)) throw error
      if (endpoint === known) endpoint = find()
      return { end: await endpoint, remote: await openForward(connection, await endpoint) }
    }
  }
  const explain = async (broken: string, end: Endpoint): Promise<Trouble | undefined> => {
    const { namespace, pod } = end
    const gone = !(await isThere(client, end))
    if (!gone && broken === '') return undefined
    const why = gone ? `pod ${pod} is gone` : `pod ${pod}: ${broken}`
    log.debug(`Tunnel to ${text}: ${why}`)
    return { what: why, hint: hintFor(why, namespace) }
  }
  const serve = async (local: Socket) => {
    sockets.add(local)
    local.once('close', () => sockets.delete(local))
    local.on('error', () => undefined)
    try {
      const { end, remote } = await forward()
      const { byUs, broken } = await join(local, remote)
      if (!closed && (broken !== '' || !byUs)) trouble = latest(trouble, explain(broken, end))
    } catch (error) {
      local.destroy()
      if (closed) return
      const hint = isExpected(error) ? error.hint : 'Look at the pod, and at the log of the API server.'
      trouble = Promise.resolve({ what: messageOf(error), hint })
    }
  }

  try {
    endpoint = find()
    await endpoint
    const server = createServer({ allowHalfOpen: false, pauseOnConnect: true }, local => void serve(local))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    return {
      host: '127.0.0.1',
      port,
      trouble: () => trouble,
      async close() {
        closed = true
        for (const socket of sockets) socket.destroy()
        server.close()
        await once(server, 'close')
        client.close()
      },
    }
  } catch (error) {
    client.close()
    throw error instanceof ApiError ? asTrouble(error) : error
  }
}

/** To a step, a way that cannot be opened is a failure of its own: of the backup, not of the cluster. */
function asTrouble(error: ApiError): ToolError {
  const { message, tool, code, hint } = error
  return new ToolError(message, { tool, hint, cause: error, ...(code === undefined ? {} : { code }) })
}

/** What is known last: that a later connection was closed in peace does not undo that an earlier one broke. */
async function latest(before: Promise<Trouble | undefined>, now: Promise<Trouble | undefined>) {
  return (await now) ?? before
}

function hintFor(what: string, namespace: string): string {
  if (what.includes('connection refused'))
    return 'Nothing listens on that port of the pod: check the port, and that the server in it is up.'
  return `Look at the pods: kubectl get pods -n ${namespace}. When one is ready, run this again.`
}
