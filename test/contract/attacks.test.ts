import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { dumpKey, manifestKey } from '../../shared/backup/storage/keys.ts'
import { signEnvelope } from '../../shared/backup/encryption/signature.ts'
import { showVerifyingKey } from '../../shared/config/verifying-key.ts'
import { makeKeyPair, manifestAt } from '../backup-store.ts'
import { commandsIn, type Command } from '../unit/host/runner-parser.ts'

// Attacks on the published actions and on the published command, with what other people control: files, answers of a
// service, a backup store. No lab is needed. After each, no line of the output is a workflow command but those that the
// action itself gives, and the last of them says what happened.

jest.setTimeout(120_000)

const tree = join(import.meta.dirname, '../../build/tree')
const folder = mkdtempSync(join(tmpdir(), 'attacks-'))
/** What a runner would obey, and what a terminal would. */
const hostile =
  'x##[stop-commands]t ::stop-commands::t \u0085::add-mask::a \u001b]0;title\u0007 \u001b[2J \r::debug::b \u2028::set-env name=A::c'
/** Commands that an action gives itself. */
const own = new Set(['error', 'warning', 'notice', 'add-mask', 'group', 'endgroup', 'debug'])

type Answer = (request: IncomingMessage, response: ServerResponse) => void
const service = createServer((request, response) => answer(request, response))
const elsewhere = createServer((_request, response) => response.end('well'))
let answer: Answer = (_request, response) => response.end('well')
let url = ''
let otherOrigin = ''

beforeAll(async () => {
  if (!existsSync(tree))
    throw new Error('the published tree is missing; make it with: script/assemble build/tree')
  for (const server of [service, elsewhere])
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(service.address() as AddressInfo).port}`
  otherOrigin = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`
})
afterAll(async () => {
  for (const server of [service, elsewhere]) {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  answer = (_request, response) => response.end('well')
  write(
    'deployment/runbook.yml',
    runbookWith('url: URL\n    gate: { for: 6s, interval: 100ms, paths: [/] }\n    smoke: { requests: 3 }'),
  )
})

function runbookWith(more: string, target = 'kind: docker, container: api, ports: ["3001:3000"]'): string {
  return `service: api\nenvironments:\n  production:\n    target: { ${target} }\n    ${more.replaceAll('URL', url)}\n`
}

function write(name: string, content: string | Buffer): void {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}

interface Ended {
  code: number | null
  /** All that it wrote, of both streams. */
  text: string
  commands: Command[]
  outputs: string
  summary: string
}

function start(file: string, args: string[], env: Record<string, string>): Promise<Ended> {
  const [output, summary] = [join(folder, 'output'), join(folder, 'summary')]
  for (const each of [output, summary]) writeFileSync(each, '')
  const child = spawn(process.execPath, [join(tree, file), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
    env: {
      ...{ PATH: process.env['PATH'], HOME: folder, GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: folder },
      ...{ GITHUB_OUTPUT: output, GITHUB_STEP_SUMMARY: summary, DOCKER_HOST: 'tcp://127.0.0.1:9' },
      ...env,
    },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (text += String(chunk)))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code =>
      resolve({
        code,
        text,
        commands: commandsIn(text),
        outputs: readFileSync(output, 'utf8'),
        summary: readFileSync(summary, 'utf8'),
      }),
    )
  })
}

/** Runs an action as a runner does. */
function action(name: string, inputs: Record<string, string> = {}): Promise<Ended> {
  const given = Object.entries({ environment: 'production', ...inputs })
  const env = Object.fromEntries(given.map(([key, value]) => [`INPUT_${key.toUpperCase()}`, value]))
  return start(join(name, 'dist/index.js'), [], env)
}

/** Runs the command as a job does whose step calls it. */
function runbook(...words: string[]): Promise<Ended> {
  return start('bin/runbook.js', words, {})
}

/** It ended with a failure, for this reason, and gave no command that it did not mean. */
function expectRefusal({ code, text, commands, summary }: Ended, ...messages: (string | RegExp)[]): void {
  expect(code).toBe(1)
  expectQuiet(text, commands)
  expect(summary).not.toMatch(/[\u0007\u001b\u0085\u2028]/)
  for (const message of messages) expect(text).toMatch(message)
}

function expectQuiet(text: string, commands: Command[]): void {
  expect(commands.filter(({ name }) => !own.has(name))).toEqual([])
  // The payload's own: an action masks secrets, of which there is none here, and writes no debug line of a service.
  expect(
    commands.filter(({ name, data }) => ['add-mask', 'debug'].includes(name) && /^[abc]\b/.test(data)),
  ).toEqual([])
  expect(text).not.toMatch(/[\u0007\u001b\u0085\u2028]/)
}

describe('commands for the runner', () => {
  test.each(['health-gate', 'smoke-test', 'backup-db', 'rollback'])(
    'in the runbook are shown by %s, and not given',
    async name => {
      write('deployment/runbook.yml', `${runbookWith('url: URL')}    ${JSON.stringify(hostile)}: 1\n`)
      expectRefusal(await action(name), /runbook\.yml:6/)
      write('deployment/runbook.yml', `service: ${JSON.stringify(hostile)}\nenvironments: {}\n`)
      expectRefusal(await action(name), /runbook\.yml:1/)
    },
  )

  test('in an env-file are shown by its line, without its value', async () => {
    write('deployment/runbook.yml', runbookWith('url: URL\n    env-file: .env'))
    write('.env', `GOOD=1\n${hostile}\nTOKEN=cAn4ryOfTheEnvFile ${hostile}\n`)
    const ended = await action('pre-deploy-check', { version: 'v1.0.0', image: 'registry.example.com/a:1' })
    expectRefusal(ended, /\.env/)
    expect(ended.text.replaceAll(/^::add-mask::.*$/gm, '')).not.toContain('cAn4ryOfTheEnvFile')
  })

  test('in an image reference, a version or a path are shown, and not given', async () => {
    for (const inputs of [
      { version: hostile, image: 'registry.example.com/a:1' },
      { version: 'v1.0.0', image: hostile },
      { version: 'v1.0.0', image: 'registry.example.com/a:1', config: hostile },
    ])
      expectRefusal(await action('deploy', inputs))
  })

  test('in the words of the command are shown, and not given', async () => {
    for (const words of [[hostile], ['status', hostile], ['hold', 'production', '--because', hostile]]) {
      const { code, text, commands } = await runbook(...words)
      expect(code).not.toBe(0)
      expect(commands).toEqual([])
      expectQuiet(text, commands)
    }
  })
})

describe('a service that answers', () => {
  const gate = () => action('health-gate')
  const smoke = () => action('smoke-test')

  test.each([
    ['health-gate', gate],
    ['smoke-test', smoke],
  ])('500 with commands for the runner gives none of them: %s', async (_name, run) => {
    answer = (_request, response) =>
      response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(`${hostile}\n${hostile}`)
    expectRefusal(await run(), /500/)
  })

  test.each<[string, () => Promise<Ended>, (address: string) => string[]]>([
    ['health-gate', gate, address => [address, 'redirects-to']],
    // The built-in suite follows no redirect at all.
    ['smoke-test', smoke, () => ['302, expected 200']],
  ])('with a redirect to another origin has not answered: %s', async (_name, run, messages) => {
    let asked = 0
    let followed = 0
    answer = (_request, response) => {
      asked++
      response.writeHead(302, { location: `${otherOrigin}/login` }).end()
    }
    elsewhere.once('request', () => followed++)
    expectRefusal(await run(), ...messages(otherOrigin))
    expect(asked).toBeGreaterThan(0)
    expect(followed).toBe(0)
  })

  test.each([
    ['health-gate', gate],
    ['smoke-test', smoke],
  ])('without an end is left, and takes no more memory than an answer may: %s', async (_name, run) => {
    const chunk = Buffer.alloc(64 * 1024, 'x')
    let sent = 0
    answer = (_request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' })
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', more)
      more()
    }
    expectRefusal(await run(), /500/)
    expect(sent).toBeLessThan(1_024 * 2 ** 20)
  })

  test.each([
    ['health-gate', gate],
    ['smoke-test', smoke],
  ])('with a small body that unpacks to 200 MiB is not unpacked: %s', async (_name, run) => {
    const bomb = gzipSync(Buffer.alloc(200 * 2 ** 20, 'x'), { level: 9 })
    answer = (_request, response) =>
      response.writeHead(500, { 'content-encoding': 'gzip', 'content-type': 'text/plain' }).end(bomb)
    const ended = await run()
    expectRefusal(ended, /500/)
    expect(ended.text.length).toBeLessThan(64 * 1024)
  })
})

describe('a backup store whose keys leaked', () => {
  const [ours, theirs] = [makeKeyPair(), makeKeyPair()]
  const dump = Buffer.from('no dump at all')
  const restore = (backup: string) => action('restore-db', { backup, into: 'scratch' })

  const put = (takenAt: number, sign: (text: string) => string) => {
    const owner = { service: 'api', environment: 'production' }
    const key = dumpKey({ ...owner, takenAt }, '.dump.zst')
    const manifest = { ...manifestAt(takenAt, dump), by: { actor: hostile, run: hostile, url: '' } }
    write(join('store', key), dump)
    write(join('store', manifestKey(key)), sign(JSON.stringify(manifest)))
    return `file://${folder}/store/${key}`
  }

  beforeEach(() => {
    rmSync(join(folder, 'store'), { recursive: true, force: true })
    write(
      'deployment/runbook.yml',
      runbookWith(
        `url: URL\n    backup: { destination: "file://${folder}/store", signed-by: ["${showVerifyingKey(ours)}"] }`,
      ),
    )
  })

  test.each<[string, (text: string) => string, RegExp]>([
    ['that is not signed', text => text, /it is not signed/],
    ['that another key has signed', text => envelope(text, theirs), /no key of the runbook/],
    ['that is no JSON', () => hostile, /cannot be read/],
    ['that is null', () => 'null', /it is not signed/],
  ])(
    'has a forged backup %s: it is refused by its name, before anything is restored',
    async (_what, sign, why) => {
      const named = await restore(put(Date.parse('2026-11-01T00:00:00Z'), sign))
      expectRefusal(named, why)
      expect(named.outputs).toMatch(/backup-untrusted|restore-refused/)
      const latest = await restore('latest')
      expectRefusal(latest, /has no verified backup/)
    },
  )

  function envelope(text: string, key: typeof ours): string {
    return signEnvelope('application/vnd.runbook-actions.backup-manifest+json', Buffer.from(text), key)
  }
})

describe('names that every object has', () => {
  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'are no environment: %s',
    async environment => {
      for (const name of ['deploy', 'health-gate', 'rollback'])
        expectRefusal(
          await action(name, { environment, version: 'v1.0.0', image: 'registry.example.com/a:1' }),
          `environment is "${environment}"; accepted: production`,
        )
      const { code, text } = await runbook('status', environment)
      expect(code).toBe(2)
      expect(text).toContain(`environment is "${environment}"; accepted: production`)
    },
  )
})

describe('a Docker engine over the network without TLS', () => {
  const host = 'tcp://docker.example.com:2375'

  test.each(['the runbook', 'DOCKER_HOST'])('of %s is refused before anything is sent', async where => {
    const target = 'kind: docker, container: api, ports: ["3001:3000"]'
    write(
      'deployment/runbook.yml',
      runbookWith('url: URL', where === 'the runbook' ? `${target}, host: "${host}"` : target),
    )
    const env = { INPUT_ENVIRONMENT: 'production', DOCKER_HOST: host }
    const ended = await start('rollback/dist/index.js', [], env)
    expectRefusal(ended, `"${host}" is neither encrypted nor authenticated`)
    expect(ended.text).toContain('allow-plain-tcp')
  })
})
