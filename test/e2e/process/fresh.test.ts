import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { enterMachine, installPm2, type Machine } from './machine.ts'

// Whole runs of the command on a machine where pm2 has never run, in an ordinary repository.

const command = join(import.meta.dirname, '../../../cli/run.ts')
const ports = [23_150, 23_151]

let pm2Folder = ''
let machine: Machine
beforeAll(() => {
  pm2Folder = installPm2()
})
beforeEach(() => {
  machine = enterMachine(pm2Folder, ports[0] ?? 0)
  for (const port of ports) {
    machine.write({
      [`main-${port}.js`]: `require('http').createServer((_asked, answer) => answer.end('{"status":"ok"}')).listen(${port}, '127.0.0.1')\n`,
    })
  }
  const environment = (port: number) => `
  on-${port}:
    target: { kind: process, app: probe-${port}, directory: deployment/on-${port}, start: main-${port}.js, source: . }
    url: http://127.0.0.1:${port}
    gate: { for: 3s, interval: 50ms, paths: [/health] }
    smoke: { suite: smoke.yml, requests: 0 }
`
  machine.write({
    'smoke.yml': 'name: health\nrequests:\n  - { name: health, path: /health, expect: { status: 200 } }\n',
    'deployment/runbook.yml': `service: probe\nenvironments:\n${ports.map(environment).join('')}`,
  })
})
afterEach(() => machine.leave())

async function runbook(...words: string[]) {
  const child = spawn(process.execPath, [command, ...words], { cwd: machine.root, env: machine.env })
  const [[code], said] = await Promise.all([once(child, 'exit') as Promise<[number]>, text(child.stderr)])
  return { code, said }
}

/** Processes whose title or command line has this in it. */
function running(what: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(what)
      } catch {
        return false
      }
    })
}
const daemons = () => running(`God Daemon (${machine.env['PM2_HOME'] ?? ''})`)

test('looking starts no daemon, and deploys at the same moment start one', async () => {
  const asked = ['pre-deploy', 'on-23150', '--checks', 'manifests rollback-possible tools']
  expect(await runbook(...asked)).toMatchObject({ code: 0, said: expect.stringContaining('pm2 7.') })
  expect(daemons()).toEqual([])

  const ends = await Promise.all([
    ...ports.map(port => runbook('deploy', `on-${port}`, 'v1.0.0')),
    runbook(...asked),
    runbook('status', 'on-23150'),
    runbook('settle', 'on-23151'),
  ])

  expect(ends.slice(0, 4)).toEqual(ends.slice(0, 4).map(({ said }) => ({ code: 0, said })))
  expect(daemons()).toHaveLength(1)
  const apps = JSON.parse(machine.pm2('jlist')) as { name: string; pm2_env: { status: string } }[]
  expect(apps.map(({ name, pm2_env: { status } }) => `${name} ${status}`).toSorted()).toEqual([
    'probe-23150 online',
    'probe-23151 online',
  ])
})

test('a daemon that takes questions and answers none fails the checks in their time, and nothing stays behind', async () => {
  const deaf = createServer(socket => socket.resume())
  await once(deaf.listen(join(machine.env['PM2_HOME'] ?? '', 'rpc.sock')), 'listening')
  try {
    const { code, said } = await runbook('pre-deploy', 'on-23150', '--checks', 'manifests', '--timeout', '2s')
    expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('no answer within 1.8 s') })
    expect(said).toContain('pm2 ping')
    expect(running(join(pm2Folder, 'pm2'))).toEqual([])
  } finally {
    await new Promise(closed => {
      deaf.close(closed)
    })
  }
})
