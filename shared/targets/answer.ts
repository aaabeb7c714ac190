import { connect } from 'node:net'

/** A proxy that reaches no service behind it ends a connection at once; a service that is there keeps it open this long. */
const openMs = 500
const connectMs = 1_000

/**
 * Whether something answers at a port. Docker's own proxy takes every connection, whether anything listens behind it
 * or not; so it has to say something, or at least keep the connection.
 */
export function portAnswers(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (answers: boolean) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answers)
    }
    let timer = setTimeout(() => end(false), connectMs)
    socket.on('connect', () => {
      clearTimeout(timer)
      timer = setTimeout(() => end(true), openMs)
      socket.write('HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    })
    socket.on('data', () => end(true))
    socket.on('end', () => end(false))
    socket.on('error', () => end(false))
  })
}
