import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commandsIn } from '../../unit/platform/runner-parser.ts'
import { enterYard, pushImages, type Yard } from './yard.ts'

// Every secret is a canary here, and every place that the service or a server can write to is hostile. Then no command, well
// or failed, shows a canary in any form: not in its output, not in a file that it writes, not in its arguments.

jest.setTimeout(300_000)

const cli = join(import.meta.dirname, '../../../cli/run.ts')
const canary = (name: string) =>
  `${name}/${randomBytes(9).toString('base64url')}+&"${randomBytes(6).toString('hex')}`
const canaries = {
  TOKEN: canary('tok'),
  DATABASE_URL: `postgres://api:${encodeURIComponent(canary('db'))}@127.0.0.1:1/api`,
  RUNBOOK_DATABASE_URL: `postgres://backup:${encodeURIComponent(canary('bk'))}@127.0.0.1:1/api`,
  GITHUB_TOKEN: canary('ghs'),
  SMOKE_TOKEN: `sm${randomBytes(24).toString('base64')}`,
}

let yard: Yard
let folder: string
let url: string
const server = createServer((request, response) => {
  response
    .writeHead(hostile.status, { 'content-type': 'text/plain', 'x-said': 'x' })
    .end(hostile.body(request))
})
const hostile = { status: 200, body: (request: IncomingMessage) => `${request.method ?? ''} well` }

beforeAll(async () => {
  yard = enterYard('canary', 23_071, pushImages())
  folder = mkdtempSync(join(tmpdir(), 'canary-'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  mkdirSync(join(folder, 'deployment'))
  writeFileSync(
    join(folder, 'deployment/smoke.yml'),
    'name: me\nrequests:\n  - { name: me, path: /me, headers: { authorization: "Bearer ${env:SMOKE_TOKEN}" }, expect: { status: 200 } }\n',
  )
  writeFileSync(
    join(folder, 'deployment/runbook.yml'),
    `service: ${yard.container}
environments:
  live:
    target: { kind: docker, container: ${yard.container}, ports: ["${yard.port}:3000"], host: "${yard.lab.docker.host}" }
    url: ${url}
    env-file: .env
    gate: { for: 7s, interval: 100ms }
    smoke: { requests: 0, suite: deployment/smoke.yml }
    backup: { destination: "file://${folder}/store" }
`,
  )
})
afterAll(async () => {
  server.close()
  await yard.leave()
  rmSync(folder, { recursive: true, force: true })
})

/** The env-file of a release. */
function envFile(more: Record<string, string>): void {
  const { TOKEN, DATABASE_URL } = canaries
  const values = { NODE_ENV: 'production', TOKEN: `'${TOKEN}'`, DATABASE_URL, ...more }
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`)
  writeFileSync(join(folder, '.env'), `${lines.join('\n')}\n`)
}

interface Ran {
  code: number | null
  /** All that it wrote to its terminal. */
  text: string
  /** Arguments of it and of the programs that it started, as they were seen. */
  args: string
}

/** Runs a command as a runner would, which watches its processes all the while. */
async function runbook(...words: string[]): Promise<Ran> {
  const { RUNBOOK_DATABASE_URL, GITHUB_TOKEN, SMOKE_TOKEN } = canaries
  const child = spawn(process.execPath, ['--no-warnings', cli, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, GITHUB_ACTIONS: 'true' },
      ...{ RUNBOOK_DATABASE_URL, GITHUB_TOKEN, SMOKE_TOKEN },
    },
  })
  let [text, args, ended] = ['', '', false]
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  const closed = new Promise<number | null>(resolve => child.on('close', resolve)).finally(
    () => (ended = true),
  )
  while (!ended) {
    args += argumentsBelow(child.pid ?? 0)
    await Promise.race([closed, sleep(20)])
  }
  return { code: await closed, text, args }
}

/** What `ps` shows of a process and of all that it started. */
function argumentsBelow(root: number): string {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc').filter(each => /^\d+$/.test(each))) {
    const stat = read(`/proc/${name}/stat`)
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
  }
  const isBelow = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 0 && (pid === root || isBelow(parents.get(pid)))
  return [...parents.keys()]
    .filter(isBelow)
    .map(pid => read(`/proc/${pid}/cmdline`))
    .join('\n')
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Forms of a canary, whole, or of its password alone. */
function formsOf(value: string): string[] {
  const password = /:\/\/[^:]*:([^@]*)@/.exec(value)?.[1]
  const alone = password === undefined ? [value] : [password, decodeURIComponent(password)]
  return alone.flatMap(text => {
    const bytes = Buffer.from(text)
    const json = JSON.stringify(text).slice(1, -1)
    const base64 = [0, 1, 2].map(offset =>
      Buffer.concat([Buffer.alloc(offset), bytes])
        .toString('base64')
        .slice(4, -4),
    )
    return [
      ...[text, json, json.replaceAll('/', '\\/'), encodeURIComponent(text), text.replaceAll('&', '&amp;')],
      ...[text.replaceAll('&', '\\u0026'), bytes.toString('hex'), ...base64],
      // The part that no form changes, and that is long enough to be of use to an attacker.
      ...text.split(/[^A-Za-z0-9_-]/).filter(part => part.length >= 12),
    ]
  })
}

function expectNone(where: string, text: string): void {
  const folded = text.toLowerCase()
  for (const [name, value] of Object.entries(canaries))
    for (const form of formsOf(value))
      if (folded.includes(form.toLowerCase())) {
        const at = folded.indexOf(form.toLowerCase())
        throw new Error(`${name} is in ${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`)
      }
}

/** Everything below deployment/: logs of the day, outcomes, pages. */
function written(): string {
  return readdirSync(join(folder, 'deployment'), { recursive: true, encoding: 'utf8' })
    .filter(file => /\.(?:log|json|html|xml)$/.test(file))
    .map(file => `${file}\n${read(join(folder, 'deployment', file))}`)
    .join('\n')
}

function judge(what: string, { text, args }: Ran): void {
  // A runner takes the masks away before it shows anything; the rest is shown as it is.
  const shown = text.split('\n').filter(line => !line.startsWith('::add-mask::'))
  expectNone(`the output of ${what}`, shown.join('\n'))
  expectNone(`the arguments of ${what}`, args)
  expectNone(`what ${what} wrote`, written())
  expect(commandsIn(shown.join('\n'))).toEqual([])
}

test('no command shows a canary, whether all is well, the service crashes, or a server answers with what it was sent', async () => {
  const deploy = (version: string, image: string) => ['deploy', 'live', version, '--image', image, '--json']
  envFile({ VERSION: 'v1.0.0' })
  const first = await runbook(...deploy('v1.0.0', yard.images.plain))
  judge('a deploy', first)
  expect(first.text).toContain('deploy live: success')

  // Its last words are its secrets, in the forms of a language's runtime, between commands for the runner.
  const { TOKEN } = canaries
  const json = JSON.stringify({ t: TOKEN }).replaceAll('&', '\\u0026').replaceAll('/', '\\/')
  const forms = [TOKEN, json, encodeURIComponent(TOKEN), Buffer.from(`x${TOKEN}`).toString('base64')]
  hostile.status = 500
  hostile.body = request =>
    [...forms, JSON.stringify(request.headers), encodeURIComponent(request.headers.authorization ?? '')]
      .map(form => `##[stop-commands]t ::add-mask::x \u001b[2J \u0085::debug::y ${form}`)
      .join('\n')
  envFile({ VERSION: 'v1.1.0', MODE: 'crash' })
  const crashed = await runbook(...deploy('v1.1.0', yard.images.plain))
  judge('a deploy that crashes', crashed)
  expect(crashed.text).toContain('cannot find my hat; token ***')
  expect(crashed.code).not.toBe(0)

  for (const words of [
    ['smoke-test', 'live'],
    ['health-gate', 'live', '--for', '1s'],
    ['pre-deploy', 'live', 'v1.2.0', '--image', yard.images.plain],
    ['backup-db', 'live'],
    ['status', 'live'],
    ['history', 'live'],
    ['logs', 'live'],
    ['deploy', 'live', 'v1.2.0', '--image', yard.images.empty],
    ['deploy', 'live', 'v1.2.0', '--image', `${yard.lab.registry}/nothing@sha256:${'0'.repeat(64)}`],
    ['rollback', 'live', '--to', 'v1.0.0'],
    ['hold', 'live', `because ${TOKEN}`],
    ['resume', 'live', 'done'],
    ['settle', 'live'],
  ])
    judge(words.join(' '), await runbook(...words, '--json'))
  writeFileSync(join(folder, '.env'), `TOKEN='${TOKEN}'\nthis is no line ${TOKEN}\nTOKEN="${TOKEN}\n`)
  judge('a deploy with a broken env-file', await runbook(...deploy('v1.3.0', yard.images.plain)))
  judge('a command that does not exist', await runbook(canaries.GITHUB_TOKEN, 'live'))
})
