import { randomBytes } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { compressFrames, decompressFrames } from '../../../shared/backup/encryption/frames.ts'

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  // Copied: what is given may lie in memory that is used again.
  for await (const chunk of source) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const MiB = 2 ** 20
/** Half of it compresses, half of it does not. */
const mixed = Buffer.concat(
  Array.from({ length: 9 }, (_, i) => (i % 2 ? randomBytes(MiB) : Buffer.alloc(MiB + i, `row ${i}\n`))),
)

test.each([0, 1, 4 * MiB - 1, 4 * MiB, 4 * MiB + 1, mixed.length])(
  '%s bytes come back as they were',
  async size => {
    const bytes = mixed.subarray(0, size)
    const compressed = await all(compressFrames(pieces(bytes, 100_003)))
    const back = await all(decompressFrames(pieces(compressed, 65_537)))
    expect(back.length).toBe(size)
    expect(back.equals(bytes)).toBe(true)
  },
)

test('frames that come byte by byte are put together', async () => {
  const bytes = Buffer.alloc(50_000, 'abc')
  const compressed = await all(compressFrames(pieces(bytes, 7_000)))
  expect((await all(decompressFrames(pieces(compressed, 1)))).equals(bytes)).toBe(true)
})

test('frames of a stranger with other headers are read too', async () => {
  const foreign = Buffer.concat(['one', 'two'].map(text => zstdCompressSync(Buffer.from(text))))
  expect((await all(decompressFrames(pieces(foreign, 5)))).toString()).toBe('onetwo')
})

test.each<[string, (compressed: Buffer) => Buffer]>([
  ['cut short', bytes => bytes.subarray(0, -1)],
  [
    'with a bit flipped',
    bytes => bytes.map((byte, at) => (at === bytes.length - 9 ? byte ^ 1 : byte)) as Buffer,
  ],
  ['no zstd at all', () => Buffer.from('PGDMP is what a dump starts with')],
])('what is %s is said to be damaged', async (_what, spoil) => {
  const compressed = await all(compressFrames(pieces(mixed.subarray(0, 6 * MiB), MiB)))
  await expect(all(decompressFrames(pieces(Buffer.from(spoil(compressed)), MiB)))).rejects.toThrow('damaged')
})

test('what fails on the way in fails on the way out', async () => {
  const broken = (async function* () {
    yield await Promise.resolve(Buffer.alloc(5 * MiB))
    throw new Error('pg_dump was killed')
  })()
  await expect(all(compressFrames(broken))).rejects.toThrow('pg_dump was killed')
})
