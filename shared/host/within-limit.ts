import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip } from 'node:zlib'
import { ToolError } from '../outcome/errors.ts'

/** How much is read of what others can write. Where the limit is passed, reading stops: memory stays near the limit. */
export interface Limit {
  /** What is read, as the error names it: `the record of r3`. */
  what: string
  /** After decompression. */
  mostBytes: number
  /** What to do when it is larger. Default: to look at who wrote it. */
  hint?: string
}

const unpackers = { gzip: promisify(gunzip), brotli: promisify(brotliDecompress) }

/** The error for what passes a limit. */
export function tooLarge({ what, mostBytes, hint }: Limit): ToolError {
  return new ToolError(`${what} is larger than ${showLimit(mostBytes)}; the rest was not read`, {
    tool: 'reader',
    reason: 'too-large',
    hint: hint ?? 'It was not written by this suite, or was changed since. Find out who wrote it.',
  })
}

/**
 * Reads a stream to its end.
 * @throws ToolError (`too-large`) as soon as more than the limit has come; the stream is then destroyed
 */
export async function collectWithin(source: AsyncIterable<Buffer>, limit: Limit): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > limit.mostBytes) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/**
 * Decompresses what was kept.
 * @throws ToolError (`too-large`) when it unpacks to more than the limit; zlib's own error when it is damaged
 */
export async function unpackWithin(
  format: keyof typeof unpackers,
  packed: Buffer,
  limit: Limit,
): Promise<Buffer> {
  try {
    return await unpackers[format](packed, { maxOutputLength: limit.mostBytes })
  } catch (error) {
    throw exceeds(error) ? tooLarge(limit) : error
  }
}

/**
 * Reads a regular file. A pipe or a device, at which a read would wait for ever, is refused.
 * @throws ToolError (`too-large`); the system's error, with its code, when the file cannot be read
 */
export function readFileWithin(file: string, limit: Limit): Buffer {
  const opened = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const found = fstatSync(opened)
    if (!found.isFile())
      throw new ToolError(`${limit.what} (${file}) is not a regular file`, {
        tool: 'reader',
        hint: 'Find out who put it there, and remove it.',
      })
    if (found.size > limit.mostBytes) throw tooLarge(limit)
    // A file may grow while it is read: no more than its first size is taken.
    const bytes = Buffer.alloc(found.size)
    let at = 0
    for (let read = -1; at < bytes.length && read !== 0; at += read)
      read = readSync(opened, bytes, at, bytes.length - at, at)
    return bytes.subarray(0, at)
  } finally {
    closeSync(opened)
  }
}

/** True for zlib's error of an output that passes `maxOutputLength`. */
function exceeds(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === 'ERR_BUFFER_TOO_LARGE'
}

function showLimit(bytes: number): string {
  return bytes >= 2 ** 20 ? `${bytes / 2 ** 20} MiB` : `${bytes / 1024} KiB`
}
