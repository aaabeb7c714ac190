import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, expect, test } from '@jest/globals'
import { collectWithin, readFileWithin, unpackWithin } from '../../../shared/host/within-limit.ts'

const folder = mkdtempSync(join(tmpdir(), 'within-limit-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const limit = { what: 'the record of r3', mostBytes: 2 ** 20 }
const large = { reason: 'too-large', message: 'the record of r3 is larger than 1 MiB; the rest was not read' }
const zeros = Buffer.alloc(64 * 2 ** 20)

test('what unpacks to more than the limit is refused by name, and what is within it is unpacked', async () => {
  for (const [format, pack] of [
    ['gzip', gzipSync],
    ['brotli', brotliCompressSync],
  ] as const) {
    const bomb = pack(zeros)
    expect(bomb.length).toBeLessThan(100_000)
    await expect(unpackWithin(format, bomb, limit)).rejects.toMatchObject(large)
    const whole = zeros.subarray(0, limit.mostBytes)
    expect((await unpackWithin(format, pack(whole), limit)).length).toBe(limit.mostBytes)
    await expect(unpackWithin(format, Buffer.from('no such format'), limit)).rejects.not.toMatchObject(large)
  }
})

test('a stream without an end is left as soon as it is too long', async () => {
  let given = 0
  let left = false
  async function* endless() {
    try {
      for (;;) {
        given += 2 ** 16
        yield await Promise.resolve(zeros.subarray(0, 2 ** 16))
      }
    } finally {
      left = true
    }
  }
  await expect(collectWithin(endless(), limit)).rejects.toMatchObject(large)
  expect(given).toBe(limit.mostBytes + 2 ** 16)
  expect(left).toBe(true)
})

test('of a file that is too large nothing is read, and a pipe is not waited for', () => {
  const file = join(folder, 'record')
  writeFileSync(file, 'whole')
  expect(readFileWithin(file, limit).toString()).toBe('whole')
  truncateSync(file, 2 ** 40)
  expect(() => readFileWithin(file, limit)).toThrow(large.message)
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  expect(() => readFileWithin(pipe, limit)).toThrow('is not a regular file')
  expect(() => readFileWithin(join(folder, 'none'), limit)).toThrow(
    expect.objectContaining({ code: 'ENOENT' }),
  )
})
