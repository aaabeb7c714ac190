import { expect, test } from '@jest/globals'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DeadlineError } from '../../../shared/outcome/errors.ts'
import { systemExec } from '../../../shared/host/exec.ts'

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a program that heeds no SIGTERM is not waited for, and is ended all the same', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'exec-'))
  const note = join(folder, 'pid')
  const deaf = `process.on('SIGTERM', () => {})
require('node:fs').writeFileSync(process.env.NOTE, String(process.pid))
setInterval(() => {}, 1_000)`
  const options = { env: { PATH: process.env['PATH'] }, variables: { NOTE: note }, timeoutMs: 2_000 }

  await expect(systemExec.run(process.execPath, ['-e', deaf], options)).rejects.toThrow(DeadlineError)

  const pid = Number(readFileSync(note, 'utf8'))
  expect(pid).toBeGreaterThan(0)
  while (lives(pid)) await pause(20)
  rmSync(folder, { recursive: true })
})
