import { connect } from 'node:net'
import { codeOf } from './http-fault.ts'

/** What became of an attempt to connect. */
export type Reach =
  | 'open'
  /** The connection was refused: nothing listens there, or a firewall rejects. */
  | 'refused'
  /** There was no answer: a firewall drops packets, or there is no such machine. */
  | 'silent'
  /** The name has no address. */
  | 'unnamed'
  /** There is no way there from this machine. */
  | 'unreachable'

/** `host:port` or `[::1]:port` taken apart. */
export function splitAddress(address: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? []
  return { host, port: Number(port) }
}

/**
 * Tries to connect, and sends nothing.
 * @throws the signal's reason when it is aborted
 */
export function reach(address: string, timeoutMs: number, signal: AbortSignal): Promise<Reach> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const socket = connect(splitAddress(address))
    const end = (act: () => void) => {
      signal.removeEventListener('abort', onAbort)
      clearTimeout(timer)
      socket.destroy()
      act()
    }
    const onAbort = () => end(() => reject(signal.reason as Error))
    const timer = setTimeout(() => end(() => resolve('silent')), timeoutMs)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('connect', () => end(() => resolve('open')))
    socket.on('error', error => end(() => resolve(reachOf(codeOf(error)))))
  })
}

function reachOf(code: string): Reach {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'unnamed'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'unreachable'
  return code === 'ETIMEDOUT' ? 'silent' : 'refused'
}
