import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import {
  hasEnded,
  identifyProcess,
  userName,
  type ProcessIdentity,
} from '../../../shared/host/process-identity.ts'

// On the processes of this machine.

async function sleeper(): Promise<ChildProcess> {
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  await once(child, 'spawn')
  return child
}

function identityOf({ pid }: { pid?: number | undefined }): ProcessIdentity {
  const found = identifyProcess(pid ?? 0)
  if (!found) throw new Error('this machine does not tell what a process is')
  return found
}

test('a process lives until it has ended', async () => {
  const child = await sleeper()
  const identity = identityOf(child)
  expect(hasEnded(identity)).toBe(false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(hasEnded(identity)).toBe(true)
})

test('a process that was killed and that its parent has not reaped has ended', async () => {
  // The shell starts a child that it never waits for, and becomes another program.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [said] = (await once(parent.stdout, 'data')) as [Buffer]
  const pid = Number(said.toString())
  const identity = identityOf({ pid })
  expect(hasEnded(identity)).toBe(false)
  process.kill(pid, 'SIGKILL')
  await until(() => /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  expect(hasEnded(identity)).toBe(true)
  parent.kill('SIGKILL')
  await once(parent, 'exit')
})

test('a number that was given again is another process; one of another boot, machine or container is not judged', () => {
  const own = identityOf(process)
  expect(hasEnded(own)).toBe(false)
  expect(hasEnded({ ...own, start: `${own.start}0` })).toBe(true)
  const gone = { ...own, pid: 4_194_305 }
  expect(hasEnded(gone)).toBe(true)
  expect(hasEnded({ ...gone, boot: 'another' })).toBe(false)
  expect(hasEnded({ ...gone, namespace: 'pid:[1]' })).toBe(false)
})

test('a process of another user that cannot be asked is there: init, of whatever boot', () => {
  expect(hasEnded(identityOf({ pid: 1 }))).toBe(false)
})

test('the account has a name', () => {
  expect(userName()).not.toBe('')
})

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(resolve => setImmediate(resolve))
}
