import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { CheckContext } from '../../shared/checks/check.ts'
import { checks } from '../../shared/checks/registry.ts'
import { runChecks, type CheckReport } from '../../shared/checks/run.ts'
import { resolveChecks } from '../../shared/config/checks.ts'
import type { Environment } from '../../shared/config/environment.ts'
import { createContext } from '../../shared/commands/check/check-context.ts'
import { openAuthority } from '../e2e/checks/authority.ts'
import { startReferenceService } from '../e2e/gate/reference-service.ts'
import { enterRoom } from '../e2e/kubernetes/cluster.ts'
import { deployment } from '../e2e/kubernetes/manifests.ts'
import { openStage } from '../e2e/rollback/stage.ts'
import { startGitHub } from '../lab/github.ts'
import { createDatabase, dropDatabase } from '../lab/tenancy.ts'
import { startSlack } from '../lab/slack.ts'
import { median, type Bench, type Measurement } from './measurement.ts'

const rounds = 5
const mostOverMs = 1_000
const deadlineMs = 3_000

interface Scene {
  context(change?: (environment: Environment) => Environment): CheckContext
  leave(): Promise<void>
}

/** All checks of a production environment at once, held against the slowest of them, and against one after the other. */
export const allChecks: Bench = {
  name: 'checks',
  async run() {
    const scene = await enterScene()
    try {
      await timed(() => runChecks(checks, scene.context(), 60_000))
      const together: { over: number; total: number; reports: CheckReport[] }[] = []
      const inTurn: number[] = []
      for (let round = 0; round < rounds; round++) {
        const { ms, value: reports } = await timed(() => runChecks(checks, scene.context(), 60_000))
        together.push({ over: ms - slowest(reports).ms, total: ms, reports })
        const context = scene.context()
        const turn = await timed(async () => {
          for (const each of checks) await runChecks([each], context, 60_000)
        })
        inTurn.push(turn.ms)
      }
      return [atOnce(together, inTurn), await besideTheDeaf(scene)]
    } finally {
      await scene.leave()
    }
  },
}

function atOnce(
  together: { over: number; total: number; reports: CheckReport[] }[],
  inTurn: number[],
): Measurement {
  const over = Math.max(...together.map(each => each.over))
  const reports = together.at(-1)?.reports ?? []
  const of = (result: CheckReport['result']) => reports.filter(each => each.result === result)
  const failed = of('fail').map(({ id }) => id)
  const { id, ms } = slowest(reports)
  return {
    name: 'checks, over the slowest of them',
    value: Math.round(over),
    unit: 'ms',
    versus: `one after the other ${Math.round(median(inTurn))} ms; all at once ${Math.round(median(together.map(each => each.total)))} ms`,
    aim: `at most ${mostOverMs} ms`,
    met: over <= mostOverMs && failed.length === 0,
    at: new Date().toISOString(),
    note:
      `worst of ${rounds}; ${of('pass').length} pass, ${of('warn').length} warn, ${of('skip').length} skip` +
      `${failed.length > 0 ? `, failed: ${failed.join(', ')}` : ''}; slowest: ${id}, ${ms} ms`,
  }
}

function inTime(total: number, reports: CheckReport[]): Measurement {
  const late = reports.filter(({ finding }) => finding.startsWith('no answer within'))
  const over = total - deadlineMs
  return {
    name: 'checks, over their deadline, where nothing answers',
    value: Math.round(over),
    unit: 'ms',
    versus: `a deadline of ${deadlineMs} ms`,
    aim: 'at most 250 ms',
    met: over <= 250 && late.length > 0,
    at: new Date().toISOString(),
    note: `ended at the deadline: ${late.map(({ id }) => id).join(', ')}`,
  }
}

/** A service that takes every connection and never says a word. */
async function besideTheDeaf(scene: Scene): Promise<Measurement> {
  const deaf = createServer(socket => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(deaf, 'listening')
  const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}/`
  const checksOfIt = resolveChecks(key => key, { services: [{ name: 'deaf', url }] })
  const context = scene.context(environment => ({ ...environment, checks: checksOfIt }))
  const { ms, value } = await timed(() => runChecks(checks, context, deadlineMs))
  deaf.close()
  return inTime(ms, value)
}

function slowest(reports: CheckReport[]): CheckReport {
  const [first] = reports.toSorted((a, b) => b.ms - a.ms)
  if (!first) throw new Error('no check was made')
  return first
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; value: T }> {
  const from = performance.now()
  const value = await work()
  return { ms: performance.now() - from, value }
}

/** A service on the lab's cluster with all that its checks ask for: database, cache, TLS, Prometheus, GitHub, Slack. */
async function enterScene(): Promise<Scene> {
  const room = enterRoom('bench-checks')
  const { lab } = room
  const stage = openStage(room)
  const database = `bench_checks_${process.pid}`
  const authority = openAuthority()
  authority.issue('good', 'localhost', { from: -1, to: 300 })
  authority.trust()
  const server = await authority.serve('good', {}, { 'strict-transport-security': 'max-age=31536000' })
  const { port } = server.address() as AddressInfo
  const [github, slack, watched] = [
    await startGitHub(),
    await startSlack(),
    await startReferenceService('bench'),
  ]
  const targets = join(lab.prometheus.targetsDir, `${database}.json`)
  const labels = { job: 'probe', environment: 'production' }
  writeFileSync(targets, JSON.stringify([{ targets: [new URL(watched.url).host], labels }]))
  const sha = randomBytes(20).toString('hex')
  github.commits.set(sha, {
    checks: [{ name: 'test' }, { name: 'lint' }],
    pulls: [
      {
        number: 7,
        author: 'ada',
        head: sha,
        merged: true,
        reviews: [{ user: 'bob', state: 'APPROVED', commit: sha }],
      },
    ],
  })
  github.repositoryState.permissions.set('bob', 'write')
  github.repositoryState.branches.set('main', [sha])
  const values = {
    DATABASE_URL: await createDatabase(lab, database),
    REDIS_URL: `redis://${lab.redis.host}:${lab.redis.port}`,
    REDIS_PASSWORD: lab.redis.password,
    JWT_SECRET: randomBytes(48).toString('hex'),
  }
  const envFile = Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
  const manifests = { 'app.yaml': deployment({ pod: '      securityContext: { runAsUser: 1000 }\n' }) }
  await stage.run({ manifests, envFile }).release('v1.0.0')
  const url = `https://localhost:${port}`
  const { environment: plain, ports } = stage.run({ manifests, envFile, url })
  execFileSync('chmod', ['600', join(plain.root, '.env')])
  const environment: Environment = {
    ...plain,
    requires: Object.keys(values),
    notify: { slack: 'SLACK_WEBHOOK_URL', github: '' },
    monitoring: { ...plain.monitoring, prometheus: lab.prometheus.url },
    checks: resolveChecks(key => key, {
      services: [
        { name: 'registry', url: `http://${lab.registry}/v2/` },
        { name: 's3', address: new URL(lab.s3.endpoint).host },
      ],
      ports: { open: [`localhost:${port}`], closed: [`${lab.hostIp}:3000`] },
      'on-call': [{ name: 'Ada', contact: '#incidents' }],
      freeze: [{ from: '2001-01-01', to: '2001-01-02', reason: 'long ago' }],
      database: { migrations: ['true'] },
    }),
  }
  const env = {
    ...ports.env,
    GITHUB_API_URL: github.apiUrl,
    GITHUB_REPOSITORY: github.repository,
    SLACK_WEBHOOK_URL: slack.webhook,
  }
  const candidate = {
    version: 'v1.1.0',
    image: room.image,
    'force-conflicts': false,
    'github-token': github.token,
  }
  return {
    context: (change = same => same) =>
      createContext(change(environment), candidate, { ...ports, env, run: { ...ports.run, sha } }),
    async leave() {
      rmSync(targets)
      authority.close()
      await Promise.all([github.stop(), slack.stop(), watched.stop()])
      await stage.leave()
      await room.leave()
      await dropDatabase(lab, database)
    },
  }
}
