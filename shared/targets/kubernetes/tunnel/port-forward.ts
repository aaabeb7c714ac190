import { Agent as PlainAgent, type IncomingMessage } from 'node:http'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { WebSocket, type RawData } from 'ws'
import { ApiError, noAnswer, refusal } from '../api/api-error.ts'
import { withQuery } from '../api/client.ts'
import type { Endpoint } from './endpoint.ts'
import type { Connection } from '../api/kubeconfig.ts'
import { textOf } from '../api/transport.ts'

/**
 * The API's own protocol for streams in a WebSocket: each message starts with the number of its channel. Of a forwarded
 * port, 0 carries the bytes and 1 what the kubelet says of a failure; both begin with the port's number, two bytes.
 */
const protocol = 'v4.channel.k8s.io'
const [dataChannel, errorChannel, portBytes] = [0, 1, 2]

/** Bytes that may wait for the network before the local side has to. */
const mostWaiting = 2 ** 20
/** Below the idle timeouts of the load balancers that stand before API servers (60 s and more). */
const pingEveryMs = 20_000
/** Three pings without an answer: the other end is gone, although the connection was not closed. */
const silenceMs = 65_000
const openWithinMs = 20_000

/**
 * Opens one forwarded connection.
 * @throws ApiError with what the API server answered
 */
export async function openForward(
  connection: Connection,
  { namespace, pod, port }: Endpoint,
): Promise<WebSocket> {
  const { server, agent } = connection
  const secure = server.protocol === 'https:'
  const path = withQuery(`/api/v1/namespaces/${namespace}/pods/${pod}/portforward`, { ports: String(port) })
  const url = `${secure ? 'wss' : 'ws'}://${server.host}${server.pathname.replace(/\/$/, '')}${path}`
  // Its own for each: what a plugin gave may have changed, and a connection is never used twice.
  const socket = new WebSocket(url, protocol, {
    agent: secure ? new Agent({ ...agent, keepAlive: false }) : new PlainAgent({ keepAlive: false }),
    headers: { ...(await connection.authorize()), 'user-agent': 'runbook-actions' },
    handshakeTimeout: openWithinMs,
    perMessageDeflate: false,
  })
  const what = `GET ${namespace}/pods/${pod}/portforward`
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      // The first messages come with the handshake's answer: they wait until there is a listener.
      socket.pause()
      resolve(socket)
    })
    socket.once('unexpected-response', (_request, answer: IncomingMessage) => {
      void textOf(answer)
        .catch(() => '')
        .then(body => reject(refusal(what, answer.statusCode ?? 0, body)))
    })
    socket.once('error', error => reject(noAnswer(what, server.origin, error)))
  })
}

/** How a forwarded connection ended. */
export interface ForwardEnd {
  /** The local side closed it, as connections are closed. */
  byUs: boolean
  /** What broke it; empty when it was closed, which is also what is seen of a pod that is removed. */
  broken: string
}

/** Joins a local connection and a forwarded one, until either ends. */
export function join(local: Socket, remote: WebSocket): Promise<ForwardEnd> {
  return new Promise(resolve => {
    const left: Record<number, number> = { [dataChannel]: portBytes, [errorChannel]: portBytes }
    let [said, broken, heard, byUs] = ['', '', performance.now(), false]
    const alive = setInterval(() => {
      if (remote.isPaused) heard = performance.now()
      if (performance.now() - heard < silenceMs) {
        remote.ping()
      } else {
        broken = `nothing was heard of it for ${silenceMs / 1_000} s`
        remote.terminate()
      }
    }, pingEveryMs)
    remote.on('pong', () => (heard = performance.now()))
    remote.on('message', (message: RawData) => {
      heard = performance.now()
      const frame = message as Buffer
      const channel = frame[0] ?? errorChannel
      const header = Math.min(left[channel] ?? 0, frame.length - 1)
      left[channel] = (left[channel] ?? 0) - header
      const bytes = frame.subarray(1 + header)
      if (bytes.length === 0) return
      if (channel === errorChannel) said += bytes.toString('utf8')
      else if (!local.write(bytes)) remote.pause()
    })
    local.on('drain', () => remote.resume())
    local.on('data', bytes => {
      if (remote.readyState !== WebSocket.OPEN) return
      remote.send(Buffer.concat([Buffer.of(dataChannel), bytes]), () => {
        if (remote.bufferedAmount < mostWaiting) local.resume()
      })
      if (remote.bufferedAmount >= mostWaiting) local.pause()
    })
    local.on('error', () => undefined)
    local.on('close', () => {
      byUs ||= remote.readyState === WebSocket.OPEN
      // What was sent comes before it; a server that does not answer it is not waited for.
      remote.close()
      setTimeout(() => remote.terminate(), 1_000).unref()
      remote.resume()
    })
    remote.on('error', error => (broken ||= error.message))
    remote.on('close', (code: number) => {
      clearInterval(alive)
      local.end()
      local.destroySoon()
      if (said !== '') broken = said.trim()
      // 1006: it broke off without a word.
      else if (!byUs && code === 1006) broken ||= 'the connection was cut'
      resolve({ byUs, broken })
    })
    local.resume()
    remote.resume()
  })
}

/** True when the pod that an endpoint names is not there any more, or does not run. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status >= 500)
}
