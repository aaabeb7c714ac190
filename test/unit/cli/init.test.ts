import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { commands } from '../../../cli/commands.ts'
import { initialise as initialiseFor } from '../../../cli/init/init.ts'
import { readWords } from '../../../cli/words.ts'
import { planGate } from '../../../shared/gate/plan.ts'
import { InputError } from '../../../shared/outcome/errors.ts'
import { environmentNames, loadEnvironment } from '../../../shared/config/load.ts'
import { parseSuite } from '../../../shared/smoke/suite.ts'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'init-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const write = (file: string, text: string) => {
  mkdirSync(join(root, file, '..'), { recursive: true })
  writeFileSync(join(root, file), text)
}
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const scripts = () => (JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts
const initialise = (at: string) => initialiseFor(at, { repository: 'org/runbook-actions', ref: 'v1' })
const where = { config: 'deployment/runbook.yml', overrides: {} }

test('a repository gets a runbook whose gate can be planned, a suite, scripts that can be called, and no secrets in git', async () => {
  write('package.json', '{\n\t"name": "@org/Orders_api",\n\t"main": "src/server.js"\n}\n')
  expect(initialise(root)).toMatchObject({ status: 'success', service: 'orders-api' })
  expect(environmentNames({ root, ...where })).toEqual(['development', 'staging', 'production'])
  for (const environment of ['development', 'staging', 'production']) {
    const loaded = loadEnvironment({ root, environment, ...where })
    expect(planGate(loaded).endpoints).toEqual([{ path: '/health', json: {}, judged: 'content' }])
    expect(loaded.smoke.suite).toBe('deployment/smoke.yml')
  }
  expect(parseSuite('deployment/smoke.yml', read('deployment/smoke.yml')).name).toBe('orders-api')
  expect(read('package.json')).toMatch(/^\{\n\t"name"/)
  for (const script of Object.values(scripts())) {
    const [program, name = '', ...words] = script.split(' ')
    const { fields, positional } = (await commands[name]?.load()) ?? { fields: {}, positional: [] }
    expect(program).toBe('runbook')
    expect(() => readWords(fields, positional, words, {})).not.toThrow()
  }
  expect(scripts()).toMatchObject({
    'deploy:prod': 'runbook deploy production',
    'rollback:dev': 'runbook rollback development',
  })
  expect(read('.gitignore').split('\n')).toEqual(
    expect.arrayContaining(['deployment/config/.env.*', 'deployment/logs/']),
  )
})

test.each([
  ['what init writes', (file: string) => ({ at: root, file: `deployment/config/${file}` })],
  [
    'deployment/config',
    (file: string) => ({ at: join(import.meta.dirname, '../../../deployment/config'), file }),
  ],
])('git keeps the env-files out and takes their encrypted forms: %s', (_what, placed) => {
  write('package.json', '{}')
  initialise(root)
  execFileSync('git', ['init', '-q', root])
  const isIgnored = (name: string) => {
    const { at, file } = placed(name)
    return spawnSync('git', ['-C', at, 'check-ignore', '-q', '--no-index', file]).status === 0
  }
  const kept = ['.env.production.age', '.env.production.gpg', '.env.production.example']
  expect(kept.filter(isIgnored)).toEqual([])
  const secret = ['.env.production', '.env.production.age.0a1b2c3d.part']
  expect(secret.filter(isIgnored)).toEqual(secret)
})

test('what is there stays, to the letter', () => {
  const runbook =
    'service: api\nenvironments: { live: { target: { kind: docker, container: api, ports: ["80:3000"] } } }\n'
  write('deployment/runbook.yml', runbook)
  write('.gitignore', 'node_modules')
  write('package.json', '{ "scripts": { "smoke-test": "mine", "deploy:live": "runbook deploy live" } }')
  const { evidence } = initialise(root)
  expect(read('deployment/runbook.yml')).toBe(runbook)
  expect(scripts()).toMatchObject({ 'smoke-test': 'mine', 'rollback:live': 'runbook rollback live' })
  expect(read('.gitignore')).toMatch(/^node_modules\ndeployment\/config/)
  const warned = evidence.filter(({ tone }) => tone === 'warn').map(({ subject }) => subject)
  expect(warned.filter(subject => subject.startsWith('npm'))).toEqual(['npm script smoke-test'])
  const before = [read('package.json'), read('.gitignore')]
  initialise(root)
  expect([read('package.json'), read('.gitignore')]).toEqual(before)
})

test('a package.json that is no JSON is refused before anything is written', () => {
  write('package.json', '{')
  expect(() => initialise(root)).toThrow(InputError)
  expect(() => read('deployment/runbook.yml')).toThrow()
})

test('a service that is no package of npm is named after its repository, and gets no package.json', () => {
  execFileSync('git', ['init', '-q', root])
  execFileSync('git', ['-C', root, 'remote', 'add', 'origin', 'git@github.com:org/Orders_API.git'])
  expect(initialise(root)).toMatchObject({ status: 'success', service: 'orders-api' })
  expect(() => read('package.json')).toThrow()
})
