import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { enterYard, pushImages, until, type Images, type Yard } from '../e2e/docker/yard.ts'
import { run, takeFree, recordGood, release } from '../e2e/environment-lock.ts'
import { readLab } from '../lab/lab.ts'
import { placesOf } from '../lab/places.ts'
import { median, unmeasured, type Bench, type Measurement } from './measurement.ts'

const name = 'docker: no answer while a release takes over'
const aim = 'not longer than stop, rm and run by hand'
const start = promisify(execFile)
const rounds = 5
/** Seconds that the service takes to listen: a small service of Node with a database. */
const bootS = '0.5'
/** A request leaves this often, whatever became of those before it. */
const everyMs = 5

interface Contender {
  name: string
  yard: Yard
  deploy(version: string): Promise<void>
}

/** How long a service on a Docker host gives no answer while a new release takes its port, beside what people do by hand. */
export const handover: Bench = {
  name: 'handover',
  async run() {
    if (!readLab(placesOf(process.env))) return [unmeasured(name, aim, 'the lab is down')]
    const images = pushImages()
    const work = mkdtempSync(join(tmpdir(), 'bench-handover-'))
    const contenders = [await ours(images), byHand(images), ...byCompose(images, work)]
    const gaps = new Map<string, Interruption[]>(contenders.map(each => [each.name, []]))
    try {
      for (const each of contenders) await each.deploy('v1')
      for (let round = 2; round < rounds + 2; round++)
        for (const each of contenders) gaps.get(each.name)?.push(await interrupted(each, `v${round}`))
    } finally {
      for (const { yard } of contenders) await yard.leave()
      rmSync(work, { recursive: true })
    }
    return [judge(gaps)]
  },
}

function judge(gaps: Map<string, Interruption[]>): Measurement {
  const figures = [...gaps].map(([who, all]) => ({
    who,
    gap: median(all.map(({ gapMs }) => gapMs)),
    failed: median(all.map(({ failed }) => failed)),
  }))
  const [own, ...peers] = figures
  const hand = peers[0]
  if (!own || !hand) throw new Error('nothing was measured')
  const show = ({ who, gap, failed }: (typeof figures)[number]) =>
    `${who} ${Math.round(gap)} ms and ${failed} requests that failed`
  return {
    name,
    value: Math.round(own.gap),
    unit: 'ms',
    versus: peers.map(show).join(', '),
    aim,
    met: own.gap <= hand.gap,
    at: new Date().toISOString(),
    note: `${own.failed} requests of ours failed; a service that takes ${bootS} s to listen, medians of ${rounds}`,
  }
}

async function ours(images: Images): Promise<Contender> {
  const yard = enterYard('bench-ours', 23_101, images)
  const { target } = await yard.open({ spec: { env: { BOOT: bootS } } })
  return {
    name: 'ours',
    yard,
    async deploy(version) {
      const lock = await takeFree(target, run(version))
      const { id, rollout } = await release(target, lock, `${version}.0.0`, images.checked, {
        VERSION: version,
      })
      if (rollout.kind !== 'ready') throw new Error(rollout.cause.message)
      await recordGood(lock, id)
      await lock.end()
    },
  }
}

/** As the guide writes it. */
function byHand(images: Images): Contender {
  const yard = enterYard('bench-hand', 23_102, images)
  return {
    name: 'by hand',
    yard,
    deploy: version =>
      serves(yard, version, async () => {
        const docker = (...args: string[]) => start('docker', ['--host', yard.lab.docker.host, ...args])
        if (version !== 'v1') {
          await docker('stop', yard.container)
          await docker('rm', yard.container)
        }
        const settings = ['-p', `${yard.port}:3000`, '-e', `VERSION=${version}`, '-e', `BOOT=${bootS}`]
        await docker('run', '-d', '--name', yard.container, ...settings, images.checked)
      }),
  }
}

/** The same with `docker-compose up -d`, where it is installed. */
function byCompose(images: Images, work: string): Contender[] {
  if (!(process.env['PATH'] ?? '').split(':').some(folder => existsSync(join(folder, 'docker-compose'))))
    return []
  const yard = enterYard('bench-compose', 23_103, images)
  const file = join(work, 'compose.yml')
  const env = { ...process.env, DOCKER_HOST: yard.lab.docker.host, COMPOSE_PROJECT_NAME: yard.container }
  return [
    {
      name: 'docker-compose up -d',
      yard,
      deploy: version =>
        serves(yard, version, async () => {
          const service = {
            image: images.checked,
            container_name: yard.container,
            environment: { VERSION: version, BOOT: bootS },
            ports: [`${yard.port}:3000`],
            network_mode: 'bridge',
          }
          writeFileSync(file, JSON.stringify({ version: '2.4', services: { api: service } }))
          await start('docker-compose', ['-f', file, 'up', '-d'], { env })
        }),
    },
  ]
}

async function serves(yard: Yard, version: string, work: () => Promise<void>): Promise<void> {
  await work()
  await until(`${version} to answer`, async () => (await yard.ask()) === version)
}

interface Interruption {
  /** Longest time between two requests that were answered, by when they were sent. */
  gapMs: number
  failed: number
}

async function interrupted(contender: Contender, version: string): Promise<Interruption> {
  const { yard } = contender
  const stop = new AbortController()
  const watched = watch(yard.port, stop.signal)
  await sleep(200)
  await contender.deploy(version)
  await until(`${version} to answer`, async () => (await yard.ask()) === version)
  await sleep(200)
  stop.abort()
  return watched
}

/** A request every few milliseconds, on a connection of its own. */
async function watch(port: number, signal: AbortSignal): Promise<Interruption> {
  const sent: Promise<number | undefined>[] = []
  while (!signal.aborted) {
    sent.push(answered(port))
    await sleep(everyMs)
  }
  const all = await Promise.all(sent)
  const good = all.filter(at => at !== undefined)
  const gaps = good.slice(1).map((at, index) => at - (good[index] ?? at))
  return { gapMs: Math.max(0, ...gaps), failed: all.length - good.length }
}

/** @returns when it was sent, if it was answered well */
function answered(port: number): Promise<number | undefined> {
  const at = performance.now()
  return new Promise(resolve => {
    const asked = request({ host: '127.0.0.1', port, agent: false, timeout: 5_000 }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode === 200 ? at : undefined))
      response.on('error', () => resolve(undefined))
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}
