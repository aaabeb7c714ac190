import { isIP, type Socket } from 'node:net'

/** Milliseconds of each phase of the last hop; 0 for a phase that a kept connection or a plain one does not have. */
export interface HttpTimings {
  dns: number
  connect: number
  tls: number
  /** From the request being sent to the first byte of the answer. */
  firstByte: number
  /** From the call to the end of the body, redirects included. */
  total: number
}

/** Measures the phases of one exchange with that host. */
export function stopwatch(hostname: string) {
  const start = performance.now()
  let naming = false
  const at = { assigned: start, lookup: start, connected: start, secured: start, answered: 0 }
  return {
    watch(socket: Socket, reused: boolean): void {
      naming = !reused && isIP(hostname) === 0
      const now = performance.now()
      at.assigned = at.lookup = at.connected = at.secured = now
      if (reused) return
      socket.once('lookup', () => {
        naming = false
        at.lookup = at.connected = at.secured = performance.now()
      })
      socket.once('connect', () => {
        naming = false
        at.connected = at.secured = performance.now()
      })
      socket.once('secureConnect', () => {
        at.secured = performance.now()
      })
    },
    answer(): void {
      at.answered = performance.now()
    },
    answered: () => at.answered > 0,
    /** The host's name is being looked up. An address is its own name. */
    isNaming: () => naming,
    read: (): HttpTimings => ({
      dns: at.lookup - at.assigned,
      connect: at.connected - at.lookup,
      tls: at.secured - at.connected,
      firstByte: at.answered - at.secured,
      total: performance.now() - start,
    }),
  }
}
