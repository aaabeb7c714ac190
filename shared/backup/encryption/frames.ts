import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import { promisify } from 'node:util'
import { ToolError } from '../../outcome/errors.ts'
import { createCollector } from '../../host/memory.ts'

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/**
 * Bytes of a frame's content. Measured on 1.27 GB of a dump at level 1: frames of 1, 2 and 4 MiB give objects of the same
 * size (0.2% apart) in the same time.
 */
const frameBytes = 4 * 2 ** 20

/** Frames that are worked on at once: libuv has four threads. */
const framesAtOnce = 3

/**
 * zstd's fastest ordinary level. Measured on 1.27 GB of a service's rows: 247 MB in 3.1 s of one core, while pg_dump takes
 * 7 s of wall time; gzip's fastest level takes 12.6 s of one core for 351 MB.
 */
const params = {
  [constants.ZSTD_c_compressionLevel]: 1,
  // So that stock `zstd -t` can tell a sound object from a damaged one.
  [constants.ZSTD_c_checksumFlag]: 1,
}

/** 8 MiB. */
const blocksPerCollection = 2

/** More than any frame of ours can be, compressed: its content when that does not compress, and a little. */
const mostSealed = frameBytes + 2 ** 16

/**
 * Compresses a stream with zstd on several threads: as frames of their own, one after the other, which together are
 * one zstd file for every zstd. Memory: three frames and the one that fills.
 */
export function compressFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const spare: ArrayBufferLike[] = []
  return ahead(cutBlocks(source, spare), async block => {
    const frame = await compress(block, { params, chunkSize: 2 ** 20 })
    spare.push(block.buffer)
    return frame
  })
}

/** Undoes `compressFrames`, on several threads too. @throws ToolError for anything else, or less */
export function decompressFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  return ahead(splitFrames(source), async frame => {
    try {
      return await decompress(frame, { chunkSize: 2 ** 20, maxOutputLength: frameBytes })
    } catch (error) {
      throw damaged('one of its zstd frames cannot be decompressed', error)
    }
  })
}

/** What a stored backup that is not what was written is said to be. */
export function damaged(why: string, cause?: unknown): ToolError {
  return new ToolError(`The stored backup is damaged: ${why}`, {
    tool: 'backup store',
    hint: 'Look at the store; take a new backup, or restore from another one.',
    cause,
  })
}

/** Works on some while the first of them is waited for, and gives the results in their order. */
async function* ahead(
  source: AsyncIterable<Buffer>,
  work: (block: Buffer) => Promise<Buffer>,
): AsyncGenerator<Buffer> {
  const underWay: Promise<Buffer>[] = []
  const collect = createCollector()
  let blocks = 0
  for await (const block of source) {
    if (++blocks % blocksPerCollection === 0) collect()
    const result = work(block)
    // The caller that waits for it gets the failure; until then it must not count as unhandled.
    result.catch(() => undefined)
    underWay.push(result)
    const first = underWay.length >= framesAtOnce ? underWay.shift() : undefined
    if (first) yield await first
  }
  for (const result of underWay) yield await result
}

/** Cuts a stream into blocks of one size, the last one smaller, in memory that is used again. */
async function* cutBlocks(source: AsyncIterable<Buffer>, spare: ArrayBufferLike[]): AsyncGenerator<Buffer> {
  const next = () => Buffer.from(spare.pop() ?? new ArrayBuffer(frameBytes))
  let [block, size] = [next(), 0]
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(block, size, at)
      at += copied
      size += copied
      if (size < frameBytes) continue
      yield block
      ;[block, size] = [next(), 0]
    }
  }
  if (size > 0) yield block.subarray(0, size)
}

/** Cuts a stream at the ends of its frames. */
async function* splitFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of source) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (let length = frameLength(rest); length > 0; length = frameLength(rest)) {
      yield rest.subarray(0, length)
      rest = rest.subarray(length)
    }
    if (rest.length > mostSealed) throw damaged('a zstd frame does not end')
  }
  if (rest.length > 0) throw damaged('it ends within a zstd frame')
}

/** Bytes of the frame that `bytes` starts with (RFC 8878, section 3.1.1); 0 when not all of it is there. */
function frameLength(bytes: Buffer): number {
  if (bytes.length < 5) return 0
  if (bytes.readUInt32LE() !== 0xfd2fb528) throw damaged('what is stored is not zstd')
  const descriptor = bytes.readUInt8(4)
  const single = (descriptor & 0x20) !== 0
  const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0
  const checksum = (descriptor & 4) === 0 ? 0 : 4
  for (let at = 5 + (single ? 0 : 1) + dictionary + contentSize; at + 3 <= bytes.length;) {
    const header = bytes.readUIntLE(at, 3)
    const repeated = ((header >> 1) & 3) === 1
    at += 3 + (repeated ? 1 : header >> 3)
    if ((header & 1) === 1) return at + checksum <= bytes.length ? at + checksum : 0
  }
  return 0
}
