import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { expect, test } from '@jest/globals'
import { createExitGuard } from '../../../shared/backup/storage/exit-guard.ts'

test('what a program wrote ends only when the program has succeeded', async () => {
  const exit = Promise.withResolvers<undefined>()
  const guard = createExitGuard(exit.promise)
  const read = text(guard)
  await pipeline(Readable.from(['half of it']), guard, { end: false })
  guard.end()
  let ended = false
  void read.then(() => (ended = true))
  await new Promise(setImmediate)
  expect(ended).toBe(false)
  exit.resolve(undefined)
  expect(await read).toBe('half of it')
})

test('what a failed program wrote fails its reader', async () => {
  const guard = createExitGuard(Promise.reject(new Error('exit code 1')))
  const read = text(guard)
  guard.end('half of it')
  await expect(read).rejects.toThrow('exit code 1')
})
