import { rmSync } from 'node:fs'
import http from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where in a call its caller dies. */
export type Phase =
  /** Before the engine hears of it. */
  | 'before'
  /** The engine has done it, and its caller never learns. */
  | 'withheld'
  /** The caller has its answer, and makes no further call. */
  | 'after'

export interface CuttingProxy {
  /** As DOCKER_HOST has it. */
  host: string
  /** Calls that change something, so far: `POST /containers/x/start`. */
  changes: string[]
  /** Nothing has passed since the cut. */
  cut(): boolean
  close(): Promise<void>
}

/**
 * Stands between a client and a Docker engine, and ends for the client at the n-th call that changes something, as if
 * the client had been killed there.
 * @param at 1 for the first; Infinity for never
 */
export async function openCuttingProxy(engine: string, at: number, phase: Phase): Promise<CuttingProxy> {
  const socketPath = join(tmpdir(), `rb-cut-${process.pid}-${Math.random().toString(36).slice(2, 8)}.sock`)
  const upstream = engine.replace('unix://', '')
  const sockets = new Set<Socket>()
  const changes: string[] = []
  let dead = false
  const die = () => {
    dead = true
    for (const socket of sockets) socket.destroy()
  }
  const server = http.createServer((asked, answer) => {
    const { method = '', url = '', headers } = asked
    const counts = !['GET', 'HEAD'].includes(method)
    if (counts) changes.push(`${method} ${url.replace(/^\/v[\d.]+/, '').replace(/\?.*/, '')}`)
    const isCut = counts && changes.length === at
    if (isCut && phase === 'before') {
      die()
      return
    }
    const forwarded = http.request({ socketPath: upstream, method, path: url, headers }, reply => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('end', () => {
        if (dead) return
        if (isCut && phase === 'withheld') {
          die()
          return
        }
        answer.writeHead(reply.statusCode ?? 500, reply.headers)
        answer.end(Buffer.concat(chunks), () => {
          if (isCut) die()
        })
      })
    })
    forwarded.on('error', () => answer.destroy())
    asked.pipe(forwarded)
  })
  server.on('connection', (socket: Socket) => {
    if (dead) return void socket.destroy()
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => server.listen(socketPath, resolve))
  return {
    host: `unix://${socketPath}`,
    changes,
    cut: () => dead,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
      rmSync(socketPath, { force: true })
    },
  }
}
