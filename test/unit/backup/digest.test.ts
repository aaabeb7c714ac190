import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  createMeter,
  distanceFor,
  isDigest,
  requireDigest,
} from '../../../shared/backup/encryption/digest.ts'

const every = 2 ** 16
const object = randomBytes(5 * every + 1_234)

/** As a store gives an object: in chunks of any size. */
function* inChunks(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function digestOf(bytes: Buffer, chunk = 50_000) {
  const meter = createMeter(every)
  // Not by toEqual, which takes its time with each byte.
  expect((await buffer(meter.through(Readable.from(inChunks(bytes, chunk))))).equals(bytes)).toBe(true)
  return meter.digest()
}

/** What is let through of an object, and why no more. */
async function read(bytes: Buffer, expected: Awaited<ReturnType<typeof digestOf>>, chunk: number) {
  const passed: Buffer[] = []
  try {
    for await (const part of requireDigest(Readable.from(inChunks(bytes, chunk)), expected)) passed.push(part)
    return { passed: Buffer.concat(passed), reason: 'whole' }
  } catch (error) {
    return { passed: Buffer.concat(passed), reason: (error as { reason?: string }).reason }
  }
}

test('a meter hashes the whole and its beginnings, however it comes', async () => {
  const digest = await digestOf(object)
  expect(digest.bytes).toBe(object.length)
  expect(digest.sha256).toBe(createHash('sha256').update(object).digest('hex'))
  expect(digest.beginnings.sha256).toEqual(
    [1, 2, 3, 4, 5].map(count =>
      createHash('sha256')
        .update(object.subarray(0, count * every))
        .digest('base64'),
    ),
  )
  expect(await digestOf(object, 1_001)).toEqual(digest)
  expect(isDigest(digest)).toBe(true)
})

test('a genuine object passes, and of any other no byte from the first wrong part on', async () => {
  const digest = await digestOf(object)
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: object.length - 1 }),
      fc.integer({ min: 1_000, max: 3 * every }),
      fc.constantFrom('flip', 'cut', 'longer'),
      async (at, chunk, how) => {
        const genuine = await read(object, digest, chunk)
        expect([genuine.reason, genuine.passed.equals(object)]).toEqual(['whole', true])
        const other = Buffer.from(object)
        other[at] = (other[at] ?? 0) ^ 1
        const given = { flip: other, cut: object.subarray(0, at), longer: Buffer.concat([object, other]) }[
          how
        ]
        const { passed, reason } = await read(given, digest, chunk)
        expect(reason).toBe('backup-untrusted')
        expect(passed.equals(object.subarray(0, passed.length))).toBe(true)
        expect(passed.length).toBeLessThanOrEqual(how === 'longer' ? object.length : at)
        expect(passed.length % every).toBe(0)
      },
    ),
    { numRuns: 40 },
  )
})

test('the beginnings of a large object stay a small part of its manifest, and what is held stays bounded', () => {
  expect(distanceFor(1)).toBe(4 * 2 ** 20)
  expect(distanceFor(2 ** 40)).toBe(64 * 2 ** 20)
  expect(distanceFor(2 ** 60)).toBe(256 * 2 ** 20)
  expect(isDigest({ bytes: 10, sha256: '', beginnings: { every: 2 ** 40, sha256: [] } })).toBe(false)
  expect(isDigest({ bytes: 2 ** 23, sha256: '', beginnings: { every: 2 ** 22, sha256: [''] } })).toBe(false)
})
