import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Outcome } from '../../shared/outcome/outcome.ts'
import { installMissing } from '../lab/packages.ts'
import { placesOf } from '../lab/places.ts'
import { mustRun } from './program.ts'

const command = join(import.meta.dirname, '../../build/tree/bin/runbook.js')
const floor = join(import.meta.dirname, 'load-floor.ts')
const autocannonVersion = '8.0.0'
/** As many as the guide has it. */
export const connections = 10

/** What a client says of the load that it sent. */
export interface Sent {
  rps: number
  /** Milliseconds; only of those who tell them. */
  p50: number
  p95: number
  p99: number
  /** The most memory that it held at once. */
  peakMiB: number
  /** Microseconds of the processor's time for each request, its start included. */
  cpuMicros: number
}

/** Sends load to a path of the bench's server. */
export interface Clients {
  /** `runbook smoke-test` of the published tree, which also sends a suite of one request first. */
  ours(path: string, requests: number): Promise<Sent>
  autocannon(path: string, seconds: number): Promise<Pick<Sent, 'rps' | 'cpuMicros'>>
  /** @param keepAlive ab has none unless it is asked to */
  ab(path: string, requests: number, keepAlive: 'kept' | 'closed'): Promise<number>
  wrk(path: string, seconds: number): Promise<Omit<Sent, 'peakMiB'>>
  /** Node's sockets and nothing else: see load-floor.ts. */
  floor(requests: number): Promise<Pick<Sent, 'rps' | 'cpuMicros'>>
}

/** Installs what is missing: ab and wrk from Debian's packages, autocannon from npm into the lab's cache. */
export async function openClients(folder: string, url: string): Promise<Clients> {
  const say = (part: string, text: string) => console.log(`   ${part}: ${text}`)
  const packages = [
    { name: 'apache2-utils', holds: 'ab' },
    { name: 'wrk', holds: 'wrk' },
  ]
  await installMissing(packages, { say })
  const autocannon = await installAutocannon()
  const percentiles = join(folder, 'percentiles.lua')
  writeFileSync(
    percentiles,
    `done = function(summary, latency)
  io.write(string.format("said %f %f %f %f\\n", summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
`,
  )
  return {
    async ours(path, requests) {
      writeFileSync(
        join(folder, 'suite.yml'),
        `name: bench\nload: { path: ${path} }\nrequests: [{ name: one, path: / }]\n`,
      )
      writeRunbook(folder, url)
      const ran = await mustRun(
        'node',
        [
          ...[command, 'smoke-test', 'staging', '--config', 'runbook.yml', '--suite', 'suite.yml', '--json'],
          ...['-n', String(requests), '-c', String(connections), '--max-rate', '1000000'],
        ],
        { cwd: folder },
      )
      const json = ran.lines.find(({ text }) => text.startsWith('{'))?.text ?? '{}'
      const { outputs } = JSON.parse(json) as Outcome
      const [rps = NaN, p50 = NaN, p95 = NaN, p99 = NaN] = ['rps', 'p50-ms', 'p95-ms', 'p99-ms'].map(name =>
        Number(outputs[name]),
      )
      return { rps, p50, p95, p99, peakMiB: ran.peakMiB, cpuMicros: (ran.cpuSeconds * 1e6) / requests }
    },
    async autocannon(path, seconds) {
      const args = ['-c', String(connections), '-d', String(seconds), '--json', '--no-progress', url + path]
      const { lines, cpuSeconds } = await mustRun('node', [autocannon, ...args])
      const json = lines.find(({ text }) => text.startsWith('{'))?.text ?? '{}'
      const { requests, duration, errors, non2xx } = JSON.parse(json) as {
        requests: { total: number }
        duration: number
        errors: number
        non2xx: number
      }
      if (errors + non2xx > 0) throw new Error(`autocannon had ${errors} errors and ${non2xx} bad answers`)
      return { rps: requests.total / duration, cpuMicros: (cpuSeconds * 1e6) / requests.total }
    },
    async ab(path, requests, keepAlive) {
      const args = [
        '-q',
        '-n',
        String(requests),
        '-c',
        String(connections),
        ...(keepAlive === 'kept' ? ['-k'] : []),
      ]
      const { lines } = await mustRun('ab', [...args, url + path])
      const said = (pattern: RegExp) =>
        Number(lines.map(({ text }) => pattern.exec(text)?.[1]).find(value => value !== undefined))
      if (said(/^Failed requests:\s+(\d+)/) !== 0) throw new Error('ab had failed requests')
      return said(/^Requests per second:\s+([\d.]+)/)
    },
    async wrk(path, seconds) {
      const args = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-s', percentiles, url + path]
      const { lines, cpuSeconds } = await mustRun('wrk', args)
      const said = lines.find(({ text }) => text.startsWith('said '))?.text.split(' ') ?? []
      const [rps = NaN, p50 = NaN, p95 = NaN, p99 = NaN] = said.slice(1).map(Number)
      return { rps, p50, p95, p99, cpuMicros: (cpuSeconds * 1e6) / (rps * seconds) }
    },
    async floor(requests) {
      const args = [floor, new URL(url).port, String(connections), String(requests)]
      const { lines, cpuSeconds } = await mustRun('node', args)
      return { rps: Number(lines[0]?.text), cpuMicros: (cpuSeconds * 1e6) / requests }
    },
  }
}

function writeRunbook(folder: string, url: string): void {
  writeFileSync(
    join(folder, 'runbook.yml'),
    `service: bench
environments:
  staging:
    target: { kind: process, app: none, directory: releases, start: none.js }
    url: ${url}
`,
  )
}

async function installAutocannon(): Promise<string> {
  const folder = join(placesOf(process.env).cache, `autocannon-${autocannonVersion}`)
  const file = join(folder, 'node_modules/autocannon/autocannon.js')
  if (existsSync(file)) return file
  mkdirSync(folder, { recursive: true })
  console.log(`   autocannon: installing ${autocannonVersion}`)
  const what = `autocannon@${autocannonVersion}`
  await mustRun('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, what])
  return file
}
