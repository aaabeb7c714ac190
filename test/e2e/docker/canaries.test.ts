import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import { commandsIn } from '../../unit/host/runner-parser.ts'
import { enterYard, pushImages, type Yard } from './yard.ts'

// Every secret is a canary here, and every place that the service or a server can write to is hostile. Then no command of the
// published tree, whether it succeeds or fails, shows a canary in any form: not in its output, its files, the arguments of the
// programs that it starts, the ledger, or the backup store. A record has the secrets of its release in the variables of the
// container that it creates, and nowhere else; it has no other secret.

// Some 15 commands and two gates: a minute on a machine that does nothing else.
jest.setTimeout(600_000)

const cli = join(import.meta.dirname, '../../../build/tree/bin/runbook.js')
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
  if (!existsSync(cli))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
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
  /** Arguments of the programs that it started, as they were seen. */
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

/** What `ps` shows of the programs that a process has started, and of those that they started. */
function argumentsBelow(root: number): string {
  const children = read(`/proc/${root}/task/${root}/children`).split(' ').filter(Boolean).map(Number)
  return children.map(pid => `${read(`/proc/${pid}/cmdline`)}\n${argumentsBelow(pid)}`).join('')
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

function expectNone(where: string, text: string, of: Partial<typeof canaries> = canaries): void {
  const folded = text.toLowerCase()
  for (const [name, value] of Object.entries(of))
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
  expectNone(`the arguments of programs that ${what} started`, args)
  expectNone(`the files of ${what}`, written())
  expect(commandsIn(shown.join('\n'))).toEqual([])
}

/** What is kept on the engine: files by their names, out of every container of this environment. */
function keptOnTheEngine(): { name: string; text: string }[] {
  return Object.keys(yard.containers()).flatMap(container => {
    const copy = mkdtempSync(join(folder, 'engine-'))
    try {
      const from = `${container}:/.runbook`
      const options = { stdio: 'pipe' } as const
      execFileSync('docker', ['--host', yard.lab.docker.host, 'cp', from, copy], options)
    } catch (error) {
      // Containers of a failed release have none.
      if (!String(error).includes('Could not find the file')) throw error
    }
    return filesBelow(copy).map(({ name, bytes }) => ({ name, text: bytes.toString('utf8') }))
  })
}

function filesBelow(root: string): { name: string; bytes: Buffer }[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter(each => each.isFile())
    .map(each => join(each.parentPath, each.name))
    .map(file => ({ name: file.slice(root.length), bytes: readFileSync(file) }))
}

interface PackedRecord {
  payload: { body: { create: { Env?: string[] } } }
}

/** A record without the variables of its container, and these alone. */
function parted(packed: string): { variables: string; rest: string } {
  const record = JSON.parse(gunzipSync(Buffer.from(packed, 'base64')).toString('utf8')) as PackedRecord
  const { create } = record.payload.body
  const variables = create.Env?.join('\n') ?? ''
  delete create.Env
  return { variables, rest: JSON.stringify(record) }
}

function judgeState(): void {
  const kept = keptOnTheEngine()
  const records = kept.filter(({ name }) => name.includes('/records/'))
  const states = kept.filter(({ name }) => name.includes('/state/'))
  expect(records.length).toBeGreaterThan(1)
  expect(states.length).toBeGreaterThan(0)
  for (const { name, text } of states) expectNone(`the ledger, ${name}`, text)
  for (const { name, text } of records) {
    const { variables, rest } = parted(text)
    expectNone(`the record ${name}`, rest)
    const { TOKEN: _token, DATABASE_URL: _url, ...others } = canaries
    expectNone(`the variables of the record ${name}`, variables, others)
  }
  const labels = Object.keys(yard.containers()).map(each =>
    yard.docker('inspect', '--format', '{{json .Config.Labels}} {{json .Name}} {{json .Args}}', each),
  )
  expectNone('the labels of the containers', labels.join('\n'))
  for (const { name, bytes } of filesBelow(join(folder, 'store')))
    expectNone(`the backup store, ${name}`, unpacked(bytes))
}

function unpacked(bytes: Buffer): string {
  for (const unpack of [zstdDecompressSync, brotliDecompressSync, gunzipSync])
    try {
      return unpack(bytes).toString('utf8')
    } catch {
      // It is of another format.
    }
  return bytes.toString('utf8')
}

test('no command shows a canary, whether it succeeds, the service crashes, or a server answers with what was sent to it', async () => {
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
    ['history', 'live'],
    ['logs', 'live'],
    ['deploy', 'live', 'v1.2.0', '--image', `${yard.lab.registry}/nothing@sha256:${'0'.repeat(64)}`],
    ['rollback', 'live', '--to', 'v1.0.0'],
    ['hold', 'live', `because ${TOKEN}`],
    ['status', 'live'],
    ['resume', 'live', `done, with ${TOKEN}`],
  ])
    judge(words.join(' '), await runbook(...words, '--json'))
  judgeState()
  writeFileSync(join(folder, '.env'), `TOKEN='${TOKEN}'\nthis is no line ${TOKEN}\nTOKEN="${TOKEN}\n`)
  judge('a deploy with a broken env-file', await runbook(...deploy('v1.3.0', yard.images.plain)))
  judge('a command that does not exist', await runbook(canaries.GITHUB_TOKEN, 'live'))
})
