import type { ChildProcessByStdio } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { createTail } from '../../outcome/cut.ts'
import { messageOf } from '../../outcome/errors.ts'

/** How a program ended. */
export interface Ending {
  /** Its exit code; 128 when it was killed, with the signal's name in `stderr`; 127 when it could not be started. */
  code: number
  /** The end of what it wrote to standard error, at most 8 KiB. */
  stderr: string
}

const kept = 8 * 1024

/** Collects the end of standard error until the program has ended and its pipes are closed. Never rejects. */
export function watchExit(child: ChildProcessByStdio<Writable, Readable | null, Readable>): Promise<Ending> {
  const tail = createTail(kept)
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (chunk: string) => tail.add(chunk))
  const written = new Promise<void>(resolve => child.stderr.once('close', resolve))
  return new Promise(resolve => {
    child.once('error', error => {
      if (child.pid === undefined) resolve({ code: 127, stderr: messageOf(error) })
    })
    // Not 'close': that would wait for the reader of standard output, which waits for this.
    child.once('exit', (code, signal) => {
      void written.then(() => {
        const stderr = tail.text()
        resolve({ code: code ?? 128, stderr: signal ? `${stderr}\nkilled by ${signal}` : stderr })
      })
    })
  })
}

/** What one of PostgreSQL's programs says it failed of: its last error, and the server's own word where there is one. */
export function lastError(text: string): string {
  const lines = text.trim().split('\n')
  const error = lines.findLast(line => line.includes('error:'))?.replace(/^.*?error: /, '')
  const said = lines.findLast(line => line.includes('Error message from server: '))
  const server = said?.replace(/^.*Error message from server: (ERROR: *)?/, '')
  return [error ?? lastLine(text), ...(server && error ? [server] : [])].join(' ')
}

/** The last line that was written: what a program says of its end. */
export function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
