import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { ToolError } from '../../outcome/errors.ts'
import { lastError, watchExit } from './child.ts'
import { tooLarge } from '../../host/within-limit.ts'
import { requireDigest, type Digest } from '../encryption/digest.ts'
import { decompressFrames } from '../encryption/frames.ts'
import { launch } from './launch.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'
import type { Through } from '../encryption/seal.ts'

/** What reading an archive needs of the world. */
export type ArchivePorts = Pick<BackupPorts, 'exec' | 'env' | 'signal'>

/** What a stored object must be, and how it is opened. */
export interface Sealed extends Digest {
  open: Through
  /** Of what pg_dump wrote: more than that is not unpacked. */
  dumpedBytes: number
}

/** A stored dump while it is read: its bytes as pg_dump wrote them, once. */
export interface Archive {
  chunks: AsyncIterable<Buffer>
  /** Reads no more of it. */
  destroy(): void
}

/** Characters of a table of contents: of two million entries. */
const longestList = 256 * 2 ** 20
/** Bytes that are kept of the archive until its table of contents ends. */
const mostHead = 512 * 2 ** 20

/**
 * No byte is decrypted, unpacked or handed to a program before it is known to be one that was stored.
 * @param source the object as the store gives it
 */
export function openArchive(source: Readable, sealed: Sealed): Archive {
  const genuine = requireDigest(source as AsyncIterable<Buffer>, sealed)
  return {
    chunks: atMost(decompressFrames(sealed.open(genuine)), sealed.dumpedBytes),
    destroy: () => void source.destroy(),
  }
}

/** @throws ToolError (`too-large`) */
async function* atMost(source: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > mostBytes) throw tooLarge({ what: 'The dump, once it is unpacked,', mostBytes })
    yield chunk
  }
}

/**
 * Reads the table of contents, which stands at the beginning.
 * @returns what `pg_restore --list --verbose` prints, and the whole archive to be read once more: what was read of it is kept
 * @throws ToolError when it is no archive that these programs can read
 */
export async function readList(
  { exec, env, signal }: ArchivePorts,
  programs: Programs,
  archive: Archive,
): Promise<{ list: string; archive: Archive }> {
  const { PATH, HOME, DOCKER_HOST } = env
  const own = { PATH, HOME, DOCKER_HOST, LC_MESSAGES: 'C' }
  const child = exec.start(...launch(programs, 'pg_restore', ['--list', '--verbose'], undefined, own), {
    env: own,
    signal,
  })
  const ending = watchExit(child)
  const printed = collect(child.stdout)
  child.stdin.on('error', () => undefined)
  const state = { ended: false }
  const end = ending.then(() => {
    state.ended = true
  })
  const iterator = archive.chunks[Symbol.asyncIterator]()
  const head: Buffer[] = []
  let headBytes = 0
  try {
    while (!state.ended) {
      const next = await iterator.next()
      if (next.done === true) {
        child.stdin.end()
        break
      }
      head.push(next.value)
      headBytes += next.value.length
      if (headBytes > mostHead)
        throw tooLarge({ what: 'The table of contents of the dump', mostBytes: mostHead })
      if (!child.stdin.write(next.value))
        await Promise.race([once(child.stdin, 'drain').catch(() => undefined), end])
    }
    const { code, stderr } = await ending
    signal.throwIfAborted()
    const again: Archive = { ...archive, chunks: joined(head, iterator) }
    if (code === 0) return { list: await printed, archive: again }
    for await (const _chunk of again.chunks);
    throw new ToolError(`pg_restore cannot read the dump (exit code ${code}): ${lastError(stderr)}`, {
      tool: 'pg_restore',
      code,
      stderr,
      hint: 'Look at the message; a dump of a newer version takes the pg_restore of that version.',
    })
  } catch (error) {
    child.kill()
    archive.destroy()
    signal.throwIfAborted()
    throw error
  }
}

/** Writes all of `source` to a program that may stop reading before its end; the source is read to its end all the same. */
export async function feed(source: AsyncIterable<Buffer>, sink: Writable): Promise<void> {
  let open = true
  const closed = once(sink, 'close').catch(() => undefined)
  sink.on('error', () => {
    open = false
  })
  for await (const chunk of source) {
    if (open && !sink.write(chunk)) await Promise.race([once(sink, 'drain').catch(() => undefined), closed])
    if (sink.destroyed) open = false
  }
  sink.end()
}

async function* joined(head: Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    for (let chunk = head.shift(); chunk; chunk = head.shift()) yield chunk
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
  } finally {
    await rest.return?.()
  }
}

async function collect(stream: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= longestList) chunks.push(chunk)
  }
  if (size <= longestList) return Buffer.concat(chunks).toString('utf8')
  throw new ToolError('The table of contents of the dump is longer than 256 MiB', {
    tool: 'pg_restore',
    hint: 'Back up parts of the database, each by itself, with schemas or exclude-schemas.',
  })
}
