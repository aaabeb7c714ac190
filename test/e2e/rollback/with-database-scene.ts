import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { createPorts, type RunnerPorts } from '../../../shared/commands/step/machine.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import { loadEnvironment } from '../../../shared/config/load.ts'
import { backupDb } from '../../../shared/commands/backup/backup-db.ts'
import { backupDbFields } from '../../../shared/commands/backup/backup-db-fields.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { finish } from '../../../shared/commands/promote/finish.ts'
import { history, historyFields } from '../../../shared/commands/inspect/history.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { rollback } from '../../../shared/commands/rollback/rollback.ts'
import { rollbackFields } from '../../../shared/commands/rollback/rollback-fields.ts'
import type { Ledger } from '../../../shared/release/ledger.ts'
import { openLab } from '../../lab/lab.ts'
import { createDatabase, dropDatabase } from '../../lab/tenancy.ts'
import { enterMachine, installPm2 } from '../process/machine.ts'
import { logTo } from '../../log.ts'

type Words = Record<string, string>

/** A service under pm2 that writes to a database of its own all the time, and the steps run on both. */
export interface Scene {
  database: string
  logged: string[]
  /** Told of every line that a step logs. */
  onLog: (line: string) => void
  sql<T>(text: string, database?: string): Promise<T[]>
  databases(): Promise<string[]>
  backUp(inputs?: Words): Promise<Outcome>
  /** Deploys and finishes. */
  release(version: string, inputs?: Words): Promise<void>
  rollback(inputs: Words): Promise<Outcome>
  /** The command in a process of its own, killed with SIGKILL once it has said `word`, and `delayMs` more are over. */
  rollbackAndKill(word: string, delayMs: number): Promise<string[]>
  ledger(): Promise<Ledger>
  /** What the copies in the backup store say, without the target. */
  copiedHistory(): Promise<Ledger>
  /** Version that the app runs, and how pm2 says it is. */
  app(): string
  /** A statement that is done before the caller goes on: for a test that comes in between. */
  sqlNow(text: string, database: string): void
  close(): Promise<void>
}

const repository = join(import.meta.dirname, '../../..')

/** Writes a row with its version every 20 ms, whatever the database does meanwhile. */
const writer = `
const pg = require('node:module').createRequire(${JSON.stringify(join(repository, 'package.json'))})('pg')
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 1 })
pool.on('error', () => undefined)
const write = () => pool
  .query('INSERT INTO writes (version) VALUES ($1)', [process.env.RUNBOOK_VERSION])
  .catch(() => undefined)
  .finally(() => setTimeout(write, 20))
write()
`

export async function openScene(): Promise<Scene> {
  const lab = openLab()
  const machine = enterMachine(installPm2(), 0)
  const database = `with_db_${randomBytes(4).toString('hex')}`
  const url = await createDatabase(lab, database)
  const { root } = machine
  machine.tag('v1.0.0', { 'service/main.js': writer, '.gitignore': 'store\ndeployment\n.env\n' })
  writeFileSync(join(root, '.env'), `DATABASE_URL=${url}\n`, { mode: 0o600 })
  const target = {
    kind: 'process',
    app: 'probe',
    directory: 'deployment/releases',
    source: 'service',
    start: 'main.js',
  }
  const backup = { destination: `file://${root}/store`, rpo: '1h' }
  const runbook = { service: 'probe', environments: { production: { target, 'env-file': '.env', backup } } }
  machine.write({ 'deployment/runbook.yml': JSON.stringify(runbook) })
  const environment: Environment = loadEnvironment({
    root,
    config: 'deployment/runbook.yml',
    environment: 'production',
    overrides: {},
  })
  // One run, so that who settles need not wait for the lease of who was killed; its jobs come one after the other.
  const run = {
    GITHUB_ACTIONS: 'true',
    GITHUB_REPOSITORY: 'org/probe',
    GITHUB_RUN_ID: '1',
    GITHUB_ACTOR: 'ada',
  }
  const env = { ...machine.env, ...run, GITHUB_JOB: 'settle' }
  const opened: RunnerPorts[] = []
  const ports = () => {
    const secrets = createSecrets()
    const add = (line: string) => {
      scene.logged.push(secrets.redact(line))
      scene.onLog(line)
    }
    const log = { ...logTo(add), debug: () => undefined }
    const machinery = { log, secrets, env, pid: process.pid, signal: new AbortController().signal }
    const made = createPorts(machinery, environment, '')
    opened.push(made)
    return made
  }
  const read = (words: Words) => (name: string) =>
    ({ environment: 'production', timeout: '1m', ...words })[name] ?? ''
  const urlOf = (name: string) => {
    const other = new URL(url)
    other.pathname = `/${name}`
    return other.href
  }
  const scene: Scene = {
    database,
    logged: [],
    onLog: () => undefined,
    async sql<T>(text: string, name = database) {
      const client = new pg.Client({ connectionString: urlOf(name) })
      await client.connect()
      try {
        return (await client.query(text)).rows as T[]
      } finally {
        await client.end()
      }
    },
    sqlNow(text, name) {
      const script = `const { Client } = require('pg'); const c = new Client({ connectionString: process.argv[1] })
        c.connect().then(() => c.query(process.argv[2])).finally(() => c.end())`
      execFileSync(process.execPath, ['-e', script, urlOf(name), text], { cwd: repository })
    },
    async databases() {
      const rows = await scene.sql<{ name: string }>(
        `SELECT datname AS name FROM pg_database WHERE datname LIKE '${database}%' ORDER BY 1`,
        'postgres',
      )
      return rows.map(({ name }) => name)
    },
    backUp: (inputs = {}) =>
      backupDb(environment, parseInputs(backupDbFields, read({ verify: 'none', ...inputs })), ports()),
    async release(version, inputs = {}) {
      if (version !== 'v1.0.0') machine.tag(version, { 'service/version.txt': version })
      const run = ports()
      const deployed = await deploy(environment, parseInputs(deployFields, read({ version, ...inputs })), run)
      const closed =
        deployed.status === 'success' ? await finish(environment, deployed.outputs, run) : deployed
      if (closed.status !== 'success') throw new Error(`${closed.reason}: ${closed.summary}`)
    },
    rollback: inputs => rollback(environment, parseInputs(rollbackFields, read(inputs)), ports()),
    async rollbackAndKill(word, delayMs) {
      const words = ['rollback', 'production', '--with-db', '--confirm', 'production', '--timeout', '1m']
      const command = join(repository, 'cli/run.ts')
      const child = spawn(process.execPath, ['--no-warnings', command, ...words], {
        cwd: root,
        env: { ...env, GITHUB_JOB: 'rollback' },
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const ended = once(child, 'exit')
      const lines: string[] = []
      for await (const line of createInterface(child.stderr)) {
        lines.push(line)
        if (!line.includes(word)) continue
        for (const start = performance.now(); performance.now() - start < delayMs;)
          await new Promise(setImmediate)
        child.kill('SIGKILL')
        break
      }
      await ended
      if (child.signalCode !== 'SIGKILL')
        throw new Error(`it ended before it said ${word}:\n${lines.join('\n')}`)
      return lines
    },
    async ledger() {
      return (await (await ports().openTarget()).read()).ledger
    },
    async copiedHistory() {
      const asked = { ...ports(), openTarget: () => Promise.reject(new Error('the target is gone')) }
      const { outputs } = await history(
        environment,
        parseInputs(historyFields, read({ 'from-store': 'true' })),
        asked,
      )
      return JSON.parse(outputs['ledger'] ?? '{}') as Ledger
    },
    app() {
      const line = machine
        .pm2('jlist')
        .split('\n')
        .findLast(each => each.startsWith('['))
      const [app] = JSON.parse(line ?? '[]') as {
        pm2_env: { status: string; env: { RUNBOOK_VERSION: string } }
      }[]
      return app ? `${app.pm2_env.env.RUNBOOK_VERSION} ${app.pm2_env.status}` : 'none'
    },
    async close() {
      await machine.leave()
      await Promise.all(opened.map(each => each.close()))
      for (const name of await scene.databases().catch(() => []))
        if (name !== database) await dropDatabase(lab, name)
      await dropDatabase(lab, database)
    },
  }
  return scene
}
