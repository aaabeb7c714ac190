import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { ToolError } from '../outcome/errors.ts'
import { lastError, watchExit } from './child.ts'
import { createMeter, type Digest } from './exit-guard.ts'
import { damaged, decompressFrames } from './frames.ts'
import { launch } from './launch.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import type { Through } from './seal.ts'

/** What reading an archive needs of the world. */
export type ArchivePorts = Pick<BackupPorts, 'exec' | 'env' | 'signal'>

/** What a stored object must be, and how it is opened. */
export interface Sealed extends Digest {
  open: Through
}

/** A stored dump while it is read: its bytes as pg_dump wrote them, once. */
export interface Archive {
  chunks: AsyncIterable<Buffer>
  /** To be called when all of it was read. @throws ToolError when it is not what was stored */
  requireSound(): void
  /** Reads no more of it. */
  destroy(): void
}

/** Characters of a table of contents: of two million entries. */
const longestList = 256 * 2 ** 20

/** @param source the object as the store gives it */
export function openArchive(source: Readable, { open, bytes, sha256 }: Sealed): Archive {
  const stored = createMeter()
  return {
    chunks: decompressFrames(open(stored.through(source as AsyncIterable<Buffer>))),
    requireSound() {
      const found = stored.digest()
      if (found.bytes === bytes && found.sha256 === sha256) return
      throw damaged(
        `${found.bytes} bytes, SHA-256 ${found.sha256.slice(0, 12)}...; it was written with ${bytes} bytes, ${sha256.slice(0, 12)}...`,
      )
    },
    destroy: () => void source.destroy(),
  }
}

/**
 * Reads the table of contents, which stands at the beginning.
 * @returns what `pg_restore --list` prints, and the whole archive to be read once more: what was read of it is kept
 * @throws ToolError when it is no archive that these programs can read
 */
export async function readList(
  { exec, env, signal }: ArchivePorts,
  programs: Programs,
  archive: Archive,
): Promise<{ list: string; archive: Archive }> {
  const { PATH, HOME, DOCKER_HOST } = env
  const own = { PATH, HOME, DOCKER_HOST, LC_MESSAGES: 'C' }
  const child = exec.start(...launch(programs, 'pg_restore', ['--list'], undefined, own), {
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
  try {
    while (!state.ended) {
      const next = await iterator.next()
      if (next.done === true) {
        child.stdin.end()
        break
      }
      head.push(next.value)
      if (!child.stdin.write(next.value))
        await Promise.race([once(child.stdin, 'drain').catch(() => undefined), end])
    }
    const { code, stderr } = await ending
    signal.throwIfAborted()
    const again: Archive = { ...archive, chunks: joined(head, iterator) }
    if (code === 0) return { list: await printed, archive: again }
    for await (const _chunk of again.chunks);
    archive.requireSound()
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
