import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endCgroup, endProcessesOf } from '../../lab/leftovers.ts'
import { until } from './yard.ts'

/** A Docker engine for one test alone, which may die. */
export interface OwnEngine {
  /** As DOCKER_HOST has it. */
  host: string
  docker(...args: string[]): string
  /** Kills the engine, its containers and all else at once, as a power cut does. */
  cutPower(): Promise<void>
  start(): Promise<void>
  /** Cuts the power at the first event of a container whose action and name match, from now on. */
  cutPowerAt(action: string, container: RegExp): Promise<void>
  close(): Promise<void>
}

/** Ports are published by Docker's own proxy alone: the rules that the lab's engine keeps in the kernel stay its own. */
export async function startOwnEngine(): Promise<OwnEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'rb-engine-'))
  const [data, exec] = [join(folder, 'data'), join(folder, 'exec')]
  const socketPath = join(folder, 'docker.sock')
  const host = `unix://${socketPath}`
  const name = `rb${process.pid}`
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  // A network of its own for each process that tests: 10.253.x.1/24.
  const address = `10.253.${process.pid % 250}.1/24`
  ip('link', 'add', name, 'type', 'bridge')
  ip('addr', 'add', address, 'dev', name)
  ip('link', 'set', name, 'up')
  const log = openSync(join(folder, 'log'), 'a')
  let daemon: ChildProcess | undefined

  const start = async () => {
    mkdirSync(exec, { recursive: true })
    const own = ['--host', host, '--data-root', data, '--exec-root', exec, '--pidfile', join(folder, 'pid')]
    const network = ['--bridge', name, '--iptables=false', '--ip-forward=false', '--ip-masq=false']
    const groups = ['--cgroup-parent', `/${name}`, '--exec-opt', 'native.cgroupdriver=cgroupfs']
    const child = spawn('dockerd', [...own, ...network, ...groups], { stdio: ['ignore', log, log] })
    daemon = child
    await until('the engine to answer', () => {
      if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'log'), 'utf8').slice(-2_000))
      return pings(socketPath)
    })
  }

  const cutPower = async () => {
    const ended = daemon && new Promise(resolve => daemon?.once('exit', resolve))
    daemon?.kill('SIGKILL')
    await ended
    endProcessesOf(exec)
    await endCgroup(name)
    unmountBelow(folder)
    // What a start of the machine finds empty: /run, and the process ids.
    for (const gone of [exec, join(folder, 'pid'), socketPath]) rmSync(gone, { recursive: true, force: true })
  }

  await start()
  return {
    host,
    docker: (...args) =>
      execFileSync('docker', ['--host', host, ...args], { encoding: 'utf8', stdio: 'pipe' }).trim(),
    cutPower,
    start,
    cutPowerAt: (action, container) =>
      new Promise((resolve, reject) => {
        const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: [action] }))
        const asked = request({ socketPath, path: `/events?filters=${filters}` }, response => {
          response.on('data', chunk => {
            const { Actor } = JSON.parse(String(chunk).split('\n')[0] ?? '{}') as {
              Actor?: { Attributes: { name: string } }
            }
            if (!container.test(Actor?.Attributes.name ?? '')) return
            daemon?.kill('SIGKILL')
            cutPower().then(resolve, reject)
          })
          response.on('error', () => undefined)
        })
        asked.on('error', () => undefined)
        asked.end()
      }),
    async close() {
      await cutPower()
      ip('link', 'del', name)
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true })
    },
  }
}

function pings(socketPath: string): Promise<boolean> {
  return new Promise(resolve => {
    const asked = request({ socketPath, path: '/_ping' }, response => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    asked.on('error', () => resolve(false))
    asked.end()
  })
}

function unmountBelow(folder: string): void {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(point => point.startsWith(`${folder}/`))
  for (const point of mounts.toReversed()) execFileSync('umount', ['--lazy', point], { stdio: 'pipe' })
}
