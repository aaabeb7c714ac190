import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { placesAt } from '../../lab/places.ts'
import { installWheel } from '../../lab/wheels.ts'

let folder = ''
const before = { ...process.env }
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wheels-'))
})
afterEach(() => {
  process.env = { ...before }
  rmSync(folder, { recursive: true })
})

test('without its registry, a program is named with what could not be reached, and nothing is left half', async () => {
  Object.assign(process.env, {
    PIP_INDEX_URL: 'http://127.0.0.1:1/simple',
    PIP_RETRIES: '0',
    PIP_NO_CACHE_DIR: '1',
  })
  const places = placesAt(join(folder, 'lab'))
  await expect(installWheel('zizmor', places, AbortSignal.timeout(60_000))).rejects.toMatchObject({
    message: 'zizmor could not be fetched',
    hint: expect.stringMatching(
      /No matching distribution found[\s\S]*'python3 -m pip' \(Debian: python3-pip\)/,
    ) as unknown,
  })
  expect(readdirSync(places.bin)).toEqual([])
})
