import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { externalServices } from '../../../shared/checks/environment/external-services.ts'
import { freeze } from '../../../shared/checks/team/freeze.ts'
import { host } from '../../../shared/checks/infrastructure/host.ts'
import { monitoring } from '../../../shared/checks/infrastructure/monitoring.ts'
import { onCall } from '../../../shared/checks/team/on-call.ts'
import { ports } from '../../../shared/checks/environment/ports.ts'
import { service } from '../../../shared/checks/environment/service.ts'
import { tools } from '../../../shared/checks/environment/tools.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { openLab } from '../../lab/lab.ts'
import { environmentAt } from '../gate/ports.ts'
import { startReferenceService, type ReferenceService } from '../gate/reference-service.ts'
import { ask, makeFolder } from './context.ts'
import { freePort } from './own-postgres.ts'

type Said = Parameters<typeof resolveChecks>[1]

const machine = { kind: 'process', app: 'api', directory: 'releases', start: 'main.js' } as const
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function listen(server: Server, port = 0): Promise<number> {
  servers.push(server)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const tcp = () => createServer(socket => socket.on('error', () => undefined).end())
const answering = (status: number) =>
  createHttpServer((_request, response) => response.writeHead(status).end())
const said = (checks: Said, url = '') => ({
  environment: environmentAt(url, { checks: resolveChecks(key => key, checks) }),
})

describe('the check of services outside', () => {
  test('passes when each answers as the runbook has it', async () => {
    const url = `http://127.0.0.1:${await listen(answering(401))}/`
    const services = [
      { name: 'mail', url },
      { name: 'billing', url, status: [401] },
      { name: 'queue', address: `127.0.0.1:${await listen(tcp())}` },
    ]
    expect(await ask(externalServices, {}, said({ services }))).toMatchObject({
      result: 'pass',
      finding: expect.stringMatching(
        /^mail answers 401 in \d+ ms, billing answers 401 .*, queue takes connections$/,
      ),
    })
  })

  test('fails with every one that does not, until the remedies were followed', async () => {
    const port = await freePort()
    const services = [
      { name: 'mail', url: `http://127.0.0.1:${await listen(answering(503))}/` },
      { name: 'billing', url: `http://127.0.0.1:${await listen(answering(200))}/`, status: [204] },
      { name: 'names', url: 'http://nowhere.invalid/' },
      { name: 'queue', address: `127.0.0.1:${port}` },
    ]
    const { result, finding, remedy } = await ask(externalServices, {}, said({ services }))
    expect(result).toBe('fail')
    expect(finding).toMatch(
      /mail answers 503 in \d+ ms, not below 500; billing answers 200 in \d+ ms, not 204/,
    )
    expect(finding).toMatch(/no address for nowhere\.invalid.*queue at 127\.0\.0\.1:\d+ is refused/)
    expect(remedy).toContain('Check that queue runs')
    await listen(tcp(), port)
    expect(await ask(externalServices, {}, said({ services: services.slice(3) }))).toMatchObject({
      result: 'pass',
    })
  })
})

describe('the check of the service', () => {
  test('passes when it answers well, and no more than warns when it does not', async () => {
    const at = (port: number) => ({ environment: environmentAt(`http://127.0.0.1:${port}`) })
    expect(await ask(service, {}, at(await listen(answering(200))))).toMatchObject({ result: 'pass' })
    expect(await ask(service, {}, at(await listen(answering(503))))).toMatchObject({
      result: 'warn',
      finding: expect.stringContaining('/health: 503'),
    })
    expect(await ask(service, {}, at(await freePort()))).toMatchObject({ result: 'warn' })
  })
})

describe('the check of this machine', () => {
  test('fails over the thresholds where the service runs on it, and warns of the disk elsewhere', async () => {
    const plain = environmentAt('', { target: machine })
    const { gate } = plain
    // The load is what others make of it.
    expect(['pass', 'fail']).toContain((await ask(host, {}, { environment: plain })).result)
    const tight = { ...gate, memory: 0.000_001, disk: 0.000_001 }
    expect(await ask(host, {}, { environment: { ...plain, gate: tight } })).toMatchObject({
      result: 'fail',
      finding: expect.stringMatching(/disk \d+% of .* used .*, memory \d+% of .*, load \d+\.\d+ for each/),
      remedy: expect.stringContaining('disk over 0%, memory over 0%'),
    })
    const elsewhere = environmentAt('', { gate: tight })
    expect((await ask(host, {}, { environment: elsewhere })).result).toBe('warn')
    const roomy = environmentAt('', { gate: { ...gate, disk: 1.1 } })
    expect((await ask(host, {}, { environment: roomy })).result).toBe('pass')
  })
})

describe('the checks of who and when', () => {
  const day = (from: number) => new Date(Date.now() + from * 86_400_000).toISOString().slice(0, 10)

  test('a freeze that is on by the real clock fails, and passes once it is over', async () => {
    const frozen = (from: number, to: number) =>
      ask(freeze, {}, said({ freeze: [{ from: day(from), to: day(to), reason: 'audit' }] }))
    expect(await frozen(-1, 2)).toMatchObject({
      result: 'fail',
      finding: `frozen from ${day(-1)} to ${day(2)} (UTC): audit`,
      remedy: expect.stringContaining(`Wait until ${day(2)}`),
    })
    expect(await frozen(-2, -1)).toMatchObject({ result: 'pass' })
  })

  test("on-call fails with the template's contact, and passes with one that is filled in", async () => {
    const reached = (contact: string) => ask(onCall, {}, said({ 'on-call': [{ name: 'Ada', contact }] }))
    const { result, remedy } = await reached('CHANGE_THIS')
    expect([result, remedy]).toEqual(['fail', expect.stringContaining('#channel or @user')])
    expect(await reached('#incidents')).toMatchObject({ result: 'pass' })
  })
})

describe('the check of tools', () => {
  test('warns of the one that is missing on PATH, and passes once it is there', async () => {
    const folder = makeFolder()
    const cluster = { kind: 'kubernetes', namespace: 'none', workload: 'deployment/none' } as const
    const environment = environmentAt('', { target: { ...cluster, manifests: '' } })
    const look = () => ask(tools, {}, { environment, env: { PATH: folder.path } })
    const which = (name: string) => execFileSync('which', [name], { encoding: 'utf8' }).trim()
    const install = (name: string, program: string) =>
      symlinkSync(realpathSync(program), join(folder.path, name))
    try {
      for (const each of ['node', 'npm', 'git', 'curl']) install(each, which(each))
      expect(await look()).toMatchObject({
        result: 'warn',
        finding: expect.stringMatching(/^node 24\..*, npm \d.*, git \d.*, curl \d.*, kubectl missing$/),
        remedy: 'Install kubectl.',
      })
      install('kubectl', openLab().kubectl)
      expect(await look()).toMatchObject({
        result: 'pass',
        finding: expect.stringMatching(/, kubectl \d/),
      })
    } finally {
      folder.remove()
    }
  })
})

describe('the check of ports', () => {
  test('passes and fails for what must be open and what must be closed, until the remedy was followed', async () => {
    const [open, closed] = [await freePort(), await freePort()]
    const checks = { ports: { open: [`127.0.0.1:${open}`], closed: [`127.0.0.1:${closed}`] } }
    const exposed = createServer()
    await listen(exposed, closed)
    const { result, finding, remedy } = await ask(ports, {}, said(checks))
    expect(result).toBe('fail')
    expect(finding).toBe(`127.0.0.1:${open} refuses; 127.0.0.1:${closed} is open to this machine`)
    expect(remedy).toMatch(
      /Start what listens at .*ufw allow.*Close it: bind the service to an inner address/,
    )
    exposed.close()
    await listen(tcp(), open)
    expect(await ask(ports, {}, said(checks))).toMatchObject({
      result: 'pass',
      finding: `127.0.0.1:${open} is open, 127.0.0.1:${closed} is closed`,
    })
  })

  test("by default looks at the url's host for the guide's ports, unless it is this machine's own", async () => {
    expect(ports.inapplicable(environmentAt('http://localhost:3001'))).not.toBe('')
    const lab = openLab()
    const { finding } = await ask(ports, {}, { environment: environmentAt(`http://${lab.hostIp}:19090`) })
    for (const each of ['19090 is open', '3000 is closed', '5432 is closed', '6379 is closed'])
      expect(finding).toContain(`${lab.hostIp}:${each}`)
  })
})

describe('the check of monitoring', () => {
  const lab = openLab()
  const name = `checks-${process.pid}`
  const targets = join(lab.prometheus.targetsDir, `${name}.json`)
  const rules = join(lab.prometheus.rulesDir, `${name}.yml`)
  let watched: ReferenceService
  beforeAll(async () => {
    watched = await startReferenceService('checks')
  })
  afterAll(async () => {
    for (const each of [targets, rules]) rmSync(each, { force: true })
    await reload()
    await watched.stop()
  })

  const reload = () => fetch(`${lab.prometheus.url}/-/reload`, { method: 'POST' })
  const check = () =>
    ask(
      monitoring,
      {},
      {
        environment: environmentAt('', {
          name,
          monitoring: { prometheus: lab.prometheus.url, grafana: '', pushgateway: '' },
        }),
      },
    )

  const labels = { job: 'runbook-api', environment: name }
  const scrape = (...hosts: string[]) => writeFileSync(targets, JSON.stringify([{ targets: hosts, labels }]))
  const alert = (alert: string, severity: string, environment = name) => ({
    alert,
    expr: 'vector(1)',
    labels: { severity, service: 'runbook-api', environment },
    annotations: { summary: `${alert} is so` },
  })
  const load = async (...alerts: ReturnType<typeof alert>[]) => {
    writeFileSync(rules, JSON.stringify({ groups: [{ name, interval: '1s', rules: alerts }] }))
    await reload()
  }
  async function until(holds: (found: Awaited<ReturnType<typeof check>>) => boolean) {
    const giveUp = performance.now() + 30_000
    for (;;) {
      const found = await check()
      if (holds(found) || performance.now() > giveUp) return found
      await pause(100)
    }
  }

  test('fails when the service is not scraped, or cannot be, and passes when it is', async () => {
    expect(await check()).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining(`no target with job="runbook-api" and environment="${name}"`),
    })
    scrape('127.0.0.1:1')
    expect(await until(({ finding }) => finding.includes('refused'))).toMatchObject({
      result: 'fail',
      finding: expect.stringContaining('reaches none of 1 targets'),
    })
    scrape(new URL(watched.url).host)
    expect(await until(({ result }) => result === 'pass')).toMatchObject({
      result: 'pass',
      finding: '1 of 1 targets are up, no alert fires',
    })
  })

  test('fails for a critical alert, warns of others, and minds no other environment', async () => {
    await load(alert('OnFire', 'critical'), alert('Smoke', 'warning'), alert('Elsewhere', 'critical', 'moon'))
    const ill = await until(({ finding }) => finding.includes('OnFire') && finding.includes('Smoke'))
    expect(ill).toMatchObject({
      result: 'fail',
      finding: 'firing: OnFire (OnFire is so); firing: Smoke (Smoke is so)',
      remedy: expect.stringContaining('add monitoring to accept'),
    })
    await load(alert('Smoke', 'warning'))
    expect(await until(({ result }) => result === 'warn')).toMatchObject({
      finding: 'firing: Smoke (Smoke is so)',
    })
  })

  test('fails for a Prometheus that is not there', async () => {
    const environment = environmentAt('', {
      monitoring: { prometheus: 'http://127.0.0.1:1', grafana: '', pushgateway: '' },
    })
    await expect(ask(monitoring, {}, { environment })).rejects.toThrow('connection refused')
  })
})
