import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { enterMachine, installPm2, type Machine } from '../process/machine.ts'

// Whole runs of the command against a real pm2, while what they report reaches no reader: a full disk, a pipe that is closed,
// a terminal that is gone. Whatever cannot be told, the environment comes to rest and serves what is good.

const port = 23_190
const command = join(import.meta.dirname, '../../../cli/run.ts')
const suite = (path: string) =>
  `name: one request\nrequests:\n  - { name: ${path.slice(1)}, path: ${path}, expect: { status: 200 } }\n`

let machine: Machine
let logs = ''
beforeAll(async () => {
  machine = enterMachine(installPm2(), port)
  logs = join(machine.root, 'deployment/logs')
  machine.write({
    'smoke.yml': suite('/feature'),
    'deployment/runbook.yml': `
service: probe
environments:
  main:
    target: { kind: process, app: probe, directory: releases, source: service, start: main.js }
    url: http://127.0.0.1:${port}
    gate: { for: 600ms, interval: 50ms, error-rate: 30%, baseline: 500ms, paths: [/health], disk: 100% }
    smoke: { suite: smoke.yml, requests: 10, concurrency: 1 }
`,
  })
  const main = (version: string, feature: number) => `
import { createServer } from 'node:http'
createServer((asked, answer) => {
  answer.statusCode = asked.url === '/feature' ? ${feature} : 200
  answer.end(JSON.stringify({ status: 'ok', version: '${version}' }))
}).listen(${port})
`
  machine.tag('v1.0.0', {
    'service/package.json': '{ "type": "module" }',
    'service/main.js': main('v1.0.0', 200),
  })
  machine.tag('v1.1.0', { 'service/main.js': main('v1.1.0', 500) })
  const { code, said } = await ended(start(['deploy', 'main', 'v1.0.0']))
  expect({ code, said }).toMatchObject({ code: 0 })
})
afterAll(() => machine.leave())

type Run = ChildProcessByStdio<null, Readable, Readable>

function start(words: string[], env: Record<string, string> = {}): Run {
  return spawn(process.execPath, [command, ...words], {
    cwd: machine.root,
    env: { ...machine.env, GITHUB_ACTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** @param onLine told of each line of standard error, and how many there were before it */
async function ended(child: Run, onLine: (line: string, index: number) => void = () => undefined) {
  const lines: string[] = []
  createInterface(child.stderr).on('line', line => {
    onLine(line, lines.length)
    lines.push(line)
  })
  child.stdout.resume()
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  return { code, signal, lines, said: lines.join('\n') }
}

/** Does it once, though the way back probes and sends, too. */
function atFirst(begin: string, work: () => void): (line: string) => void {
  let done = false
  return line => {
    if (done || !line.startsWith(begin)) return
    done = true
    work()
  }
}

/** What is left behind: what serves, whether a release is open, who has the lease. */
async function rest() {
  const target = await machine.open({ directory: 'releases' })
  const { ledger, lease } = await target.read()
  await target.close()
  const { version } = JSON.parse(await machine.ask()) as { version: string }
  const open = ledger.entries.filter(({ state }) => !['good', 'bad', 'withdrawn'].includes(state))
  return { version, serving: ledger.serving, open, lease, newest: ledger.entries.at(-1) }
}
const atRest = { version: 'v1.0.0', serving: 'r1', open: [], lease: null, newest: { state: 'bad' } }

test('a disk that fills up in the middle of a release keeps nothing from being taken back', async () => {
  rmSync(logs, { recursive: true, force: true })
  mkdirSync(logs, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', logs])
  try {
    const { code, said } = await ended(
      start(['deploy', 'main', 'v1.1.0']),
      atFirst('Probing', () => fill(join(logs, 'something-else'))),
    )
    expect({ code, said }).toMatchObject({ code: 1 })
    expect(said).toContain('smoke-test main: failure (smoke-failed)')
    expect(said).toContain('rollback main: success (restored)')
    expect(said.match(/ENOSPC/g)).toHaveLength(2)
  } finally {
    execFileSync('umount', [logs])
  }
  expect(await rest()).toMatchObject(atRest)
})

/** Until nothing fits any more, not even a line. */
function fill(file: string): void {
  for (let size = 64 * 1024; size > 0; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // Smaller pieces may still fit.
    }
  }
}

test('a reader that stops after any line stops nothing', async () => {
  const { lines } = await ended(start(['deploy', 'main', 'v1.1.0']))
  const begins = ['Probing', 'smoke-test main:', 'Bringing']
  const points = begins.map(begin => lines.findIndex(line => line.startsWith(begin)))
  expect(points).not.toContain(-1)
  for (const after of points) {
    const child = start(['deploy', 'main', 'v1.1.0'])
    child.stdout.destroy()
    const { code, signal } = await ended(child, (_line, index) => {
      if (index === after) child.stderr.destroy()
    })
    expect({ after, code, signal }).toEqual({ after, code: 1, signal: null })
    expect({ after, ...(await rest()) }).toMatchObject({ after, ...atRest })
  }
})

test('a terminal that is closed in the middle leaves nothing unfinished', async () => {
  const child = start(['deploy', 'main', 'v1.1.0'])
  const { code, said } = await ended(
    child,
    atFirst('Probing', () => {
      child.kill('SIGPIPE')
      child.kill('SIGHUP')
      child.kill('SIGHUP')
    }),
  )
  expect({ code, said }).toMatchObject({ code: 1 })
  expect(said).toMatch(/health-gate main: failure \(cancelled\)[^]*rollback main: success \(restored\)/)
  expect(await rest()).toMatchObject(atRest)
})

/** A part of the suite that breaks: what is done, in the process, when a line that begins so is to be written. */
function broken(begin: string, what: string): Record<string, string> {
  const source = `
const write = process.stderr.write.bind(process.stderr)
process.stderr.write = (text, ...rest) => {
  if (text.startsWith(${JSON.stringify(begin)})) { ${what} }
  return write(text, ...rest)
}`
  return { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(source)}` }
}

test('what a suite needs and is not there is said before anything is touched', async () => {
  const plain = readFileSync(join(machine.root, 'smoke.yml'), 'utf8')
  const { newest: before } = await rest()
  machine.write({
    'smoke.yml': plain.replace('expect:', "headers: { authorization: 'Bearer ${env:SMOKE_TOKEN}' }, expect:"),
  })
  const { code, said } = await ended(start(['deploy', 'main', 'v1.1.0']))
  machine.write({ 'smoke.yml': plain })
  expect({ code, said }).toMatchObject({ code: 2 })
  expect(said).toMatch(/^deploy main: failure \(input-invalid\).*\n.*SMOKE_TOKEN, which is not set/)
  expect((await rest()).newest).toEqual(before)
})

test('a suite that is wrong only once a release is there is no input error any more', async () => {
  const plain = readFileSync(join(machine.root, 'smoke.yml'), 'utf8')
  const { code, said } = await ended(
    start(['deploy', 'main', 'v1.1.0']),
    atFirst('Probing', () => machine.write({ 'smoke.yml': 'name: 1\n' })),
  )
  machine.write({ 'smoke.yml': plain })
  expect({ code, said }).toMatchObject({ code: 1 })
  expect(said).toMatch(/smoke-test main: failure \(smoke-failed\)[^]*deploy main: failure \(smoke-failed\)/)
  expect(await rest()).toMatchObject(atRest)
})

test.each([
  ['thrown in the gate', 'Probing', "throw new TypeError('x is undefined')"],
  ['that reaches no handler', 'Probing', "Promise.reject(new TypeError('x is undefined'))"],
])('a bug %s is told once the last good release is back', async (_what, begin, what) => {
  const { code, said } = await ended(start(['deploy', 'main', 'v1.1.0'], broken(begin, what)))
  expect({ code, said }).toMatchObject({ code: 70 })
  expect(said).toMatch(/failure \(bug\)[^]*x is undefined[^]*TypeError: x is undefined\n +at /)
  expect(said).toMatch(/rollback main: (success \(restored\)|inconclusive \(restored-unverified\))/)
  expect(said.split('deploy main: ').at(-1)).toMatch(
    /^failure \(bug\)[^]*x is undefined\. v1\.0\.0 \(r1\) serves again/,
  )
  expect(await rest()).toMatchObject(atRest)
})
