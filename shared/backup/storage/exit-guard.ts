import { Transform } from 'node:stream'

/**
 * Lets bytes through, and ends only once `finished` has resolved. The store that takes a program's output would
 * otherwise take the end of its output for success, and keep half a dump of one that was killed.
 * @param finished rejects when the program failed
 */
export function createExitGuard(finished: Promise<void>): Transform {
  return new Transform({
    highWaterMark: 2 ** 20,
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: done => {
      finished.then(
        () => done(),
        (error: unknown) => done(asError(error)),
      )
    },
  })
}

/** Counts what passes. */
export function createCounter(): {
  through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer>
  bytes(): number
} {
  let bytes = 0
  return {
    async *through(source) {
      for await (const chunk of source) {
        bytes += chunk.length
        yield chunk
      }
    },
    bytes: () => bytes,
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
