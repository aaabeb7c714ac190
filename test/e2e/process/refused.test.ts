import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { enterMachine, installPm2, type Machine } from './machine.ts'

// Whole runs of the command whose release cannot be made: the app that runs is never touched.

const command = join(import.meta.dirname, '../../../cli/run.ts')
const port = 23_170
const server = `require('http').createServer((_asked, answer) => answer.end('{"status":"ok"}')).listen(${port}, '127.0.0.1')\n`

let pm2Folder = ''
let machine: Machine
beforeAll(() => {
  pm2Folder = installPm2()
})
beforeEach(() => {
  machine = enterMachine(pm2Folder, port)
  machine.write({
    'smoke.yml': 'name: health\nrequests:\n  - { name: health, path: /health, expect: { status: 200 } }\n',
    'deployment/runbook.yml': `service: probe
environments:
  live:
    target: { kind: process, app: probe, directory: deployment/releases, start: server.js, source: service }
    url: http://127.0.0.1:${port}
    gate: { for: 3s, interval: 50ms, paths: [/health], baseline: 0s }
    smoke: { suite: smoke.yml, requests: 0 }
`,
    'by-hand/server.js': server,
  })
  machine.pm2('start', 'by-hand/server.js', '--name', 'probe')
})
afterEach(() => machine.leave())

async function runbook(...words: string[]) {
  const child = spawn(process.execPath, [command, ...words], { cwd: machine.root, env: machine.env })
  const [[code], said] = await Promise.all([once(child, 'exit') as Promise<[number]>, text(child.stderr)])
  return { code, said }
}

const failing = (script: string) => ({
  'service/package.json': JSON.stringify({ name: 'probe', version: '1.0.0', scripts: { prepare: script } }),
  'service/package-lock.json': JSON.stringify({
    name: 'probe',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'probe', version: '1.0.0', hasInstallScript: true } },
  }),
  'service/server.js': server,
})

test('a release whose dependencies cannot be installed is refused, and the app keeps its process', async () => {
  const before = machine.pm2('pid', 'probe').trim()
  machine.tag('v1.0.0', failing('tool-of-developers'))

  const { code, said } = await runbook('deploy', 'live', 'v1.0.0')

  expect({ code, said }).toMatchObject({ code: 1, said: expect.stringContaining('(release-not-made)') })
  expect(said).toContain('was refused before anything was changed: npm ci ended with code 127')
  expect(said).toContain('tool-of-developers: not found')
  expect(machine.pm2('pid', 'probe').trim()).toBe(before)
  expect(readdirSync(join(machine.root, 'deployment/releases/releases'))).toEqual([])
  const history = await runbook('history', 'live')
  expect(history).toMatchObject({ code: 0, said: expect.stringContaining('r1 v1.0.0: bad') })
  expect((await runbook('settle', 'live')).said).toContain('nothing-to-settle')
  expect(machine.pm2('pid', 'probe').trim()).toBe(before)
})
