import { createHash } from 'node:crypto'
import { ToolError } from '../../outcome/errors.ts'

/** Size and hashes of an object. */
export interface Digest {
  bytes: number
  /** SHA-256 of all of it, hexadecimal. */
  sha256: string
  /**
   * SHA-256, base64, of its beginnings: of the first `every` bytes, of the first twice as many, and so on. With them a
   * reader knows that what came so far is genuine before any of it is used, and need not read the object twice.
   */
  beginnings: { every: number; sha256: string[] }
}

/** So many beginnings are hashed of an object of the size that was expected: some 1 MB of a manifest at most. */
const mostBeginnings = 16_384
const leastBytes = 4 * 2 ** 20
/** What was read is held back until it is known to be genuine: at most so many bytes, and a chunk. */
const mostHeld = 256 * 2 ** 20

/** Bytes between two beginnings. @param expectedBytes an upper estimate of the object */
export function distanceFor(expectedBytes: number): number {
  let every = leastBytes
  while (expectedBytes / every > mostBeginnings && every < mostHeld) every *= 2
  return every
}

/** Counts and hashes what passes. @param every bytes between two beginnings */
export function createMeter(every: number): {
  through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer>
  digest(): Digest
} {
  const hash = createHash('sha256')
  const beginnings: string[] = []
  let bytes = 0
  return {
    async *through(source) {
      for await (const chunk of source) {
        for (const part of cut(chunk, bytes, every)) {
          hash.update(part)
          bytes += part.length
          if (bytes % every === 0) beginnings.push(hash.copy().digest('base64'))
        }
        yield chunk
      }
    },
    digest: () => ({
      bytes,
      sha256: hash.copy().digest('hex'),
      beginnings: { every, sha256: [...beginnings] },
    }),
  }
}

/**
 * Lets the bytes of an object through once they are known to be those that were digested.
 * @throws ToolError (`backup-untrusted`) before any other byte has passed, and at the end of an object that is cut
 */
export async function* requireDigest(
  source: AsyncIterable<Buffer>,
  { bytes, sha256, beginnings: { every, sha256: known } }: Digest,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let seen = 0
  let held: Buffer[] = []
  for await (const chunk of source) {
    for (const part of cut(chunk, seen, every)) {
      hash.update(part)
      seen += part.length
      held.push(part)
      if (seen > bytes) throw changed(`it has more than the ${bytes} bytes that were written`)
      if (seen % every !== 0) continue
      if (hash.copy().digest('base64') !== known[seen / every - 1])
        throw changed(`its first ${seen} bytes are not those that were written`)
      yield* held
      held = []
    }
  }
  if (seen !== bytes) throw changed(`it has ${seen} bytes, and ${bytes} were written`)
  const found = hash.digest('hex')
  if (found !== sha256)
    throw changed(
      `its SHA-256 is ${found.slice(0, 12)}..., and was ${sha256.slice(0, 12)}... when it was written`,
    )
  yield* held
}

/** True where nothing that was read has to be held for longer than memory allows. */
export function isDigest({ bytes, beginnings: { every, sha256 } }: Digest): boolean {
  return every >= 2 ** 16 && every <= mostHeld && sha256.length === Math.floor(bytes / every)
}

/** The pieces of a chunk that end where a beginning does. */
function* cut(chunk: Buffer, before: number, every: number): Generator<Buffer> {
  for (let at = 0; at < chunk.length;) {
    const end = Math.min(chunk.length, at + every - ((before + at) % every))
    yield chunk.subarray(at, end)
    at = end
  }
}

function changed(why: string): ToolError {
  return new ToolError(`The stored backup is damaged, or was replaced: ${why}`, {
    tool: 'backup store',
    reason: 'backup-untrusted',
    hint: 'Nothing of what differs was used. Find out who can write to the store; restore from another backup, or take a new one.',
  })
}
