import { createInterface } from 'node:readline'
import { Duplex } from 'node:stream'
import type { Exec } from '../../../host/exec.ts'
import { createTail } from '../../../outcome/cut.ts'
import { ToolError } from '../../../outcome/errors.ts'

/** How the program at the other end is started. */
export interface PipeOptions {
  env: Record<string, string | undefined>
  /** Told of each line that the program writes to standard error. */
  onError: (line: string) => void
}

/**
 * A program's standard input and output as one stream, which can stand in for a socket. When this process dies in
 * whatever way, the program's input ends, and so does the program.
 */
export function openPipe(exec: Exec, file: string, args: string[], { env, onError }: PipeOptions): Duplex {
  const child = exec.start(file, args, { env })
  const said = createTail(2_000)
  // Whole lines alone: half a line may end in half a secret.
  createInterface({ input: child.stderr }).on('line', line => {
    said.add(`${line}\n`)
    if (line !== '') onError(line)
  })
  const stream = new SocketLike({
    read: () => child.stdout.resume(),
    write: (chunk, _encoding, done) => {
      // A program that has ended says why on standard error; that its input is not read any more says nothing.
      child.stdin.write(chunk, () => done())
    },
    final: done => {
      child.stdin.end(() => done())
    },
    destroy: (error, done) => {
      // ssh ends by the signal; a docker command that was started directly, by the end of its input.
      child.stdin.destroy()
      child.kill()
      done(error)
    },
  })
  child.stdin.on('error', () => undefined)
  child.stdout.on('data', chunk => {
    if (!stream.push(chunk)) child.stdout.pause()
  })
  child.on('error', cause => stream.destroy(failure(file, cause.message, cause)))
  child.on('close', code => {
    if (code === 0 || code === null) stream.push(null)
    else stream.destroy(failure(file, lastLine(said.text()) ?? `ended with code ${code}`))
  })
  return stream
}

function lastLine(text: string): string | undefined {
  return text.split('\n').findLast(line => line.trim() !== '')
}

function failure(file: string, why: string, cause?: unknown): ToolError {
  return new ToolError(`${file} does not reach the Docker engine: ${why}`, {
    tool: file,
    reason: 'target-unreachable',
    hint: `Check that the ${file} command of this machine logs in there without asking, and that docker is on the PATH there.`,
    cause,
  })
}

/** What node:http calls on a socket beside the stream itself. A pipe has no delays, timeouts or keep-alive of its own. */
class SocketLike extends Duplex {
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  setTimeout(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
}
