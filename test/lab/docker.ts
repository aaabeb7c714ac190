import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { endCgroup, endProcessesOf, unmountAll } from './leftovers.ts'
import type { Part } from './part.ts'
import type { Places } from './places.ts'

const daemon = 'docker/dockerd'
/** The control group that holds the processes of all containers of our own engine. */
const cgroupOf = (places: Places) => `${places.name}-docker`
const socketPath = '/var/run/docker.sock'
/** The engine's address, whatever DOCKER_HOST or the current context of the user say. */
export const dockerHost = `unix://${socketPath}`

/** Whether a Docker engine answers on its usual socket. */
function pings(): Promise<boolean> {
  return new Promise(resolve => {
    const call = request({ socketPath, path: '/_ping', timeout: 3000 }, answer => {
      answer.resume()
      resolve(answer.statusCode === 200)
    })
    call.on('error', () => resolve(false)).on('timeout', () => call.destroy(new Error('timed out')))
    call.end()
  })
}

/** The Docker engine: the one that runs already, else one of our own on the usual socket. */
export const docker: Part = {
  name: 'docker',
  after: [],
  packages: async () => {
    // Tests start engines of their own, to see them die, and reach them over SSH.
    const tools = [
      { name: 'docker.io', holds: 'docker' },
      { name: 'docker.io', holds: 'dockerd' },
      { name: 'openssh-client', holds: 'ssh' },
      { name: 'openssh-server', holds: 'sshd' },
    ]
    return (await pings()) ? tools : [...tools, { name: 'iptables', holds: 'iptables' }]
  },
  async up(shop) {
    const { places, daemons, run, until } = shop
    if (await pings()) return { docker: { host: dockerHost } }
    const data = join(places.state, 'docker')
    const sockets = join(places.sockets, 'docker')
    for (const folder of [data, sockets]) mkdirSync(folder, { recursive: true })
    if (!daemons.runs(daemon)) rmSync(join(sockets, 'pid'), { force: true })
    const group = process.env['SUDO_GID']
    daemons.start({
      name: daemon,
      file: 'dockerd',
      args: [
        ...[
          '--host',
          dockerHost,
          '--data-root',
          data,
          '--exec-root',
          sockets,
          '--pidfile',
          join(sockets, 'pid'),
        ],
        ...['--cgroup-parent', `/${cgroupOf(places)}`, '--exec-opt', 'native.cgroupdriver=cgroupfs'],
        ...(group === undefined ? [] : ['--group', group]),
      ],
    })
    await until(`Docker on ${socketPath}`, daemon, 60, pings)
    // Containers of an earlier lab are not part of this one; its images are, they save time.
    const containers = (await run('docker', ['--host', dockerHost, 'ps', '--all', '--quiet']))
      .split('\n')
      .filter(Boolean)
    if (containers.length > 0)
      await run('docker', ['--host', dockerHost, 'rm', '--force', '--volumes', ...containers])
    return { docker: { host: dockerHost } }
  },
  async clean(shop) {
    const sockets = join(shop.places.sockets, 'docker')
    if (!existsSync(sockets)) return
    await endCgroup(cgroupOf(shop.places))
    endProcessesOf(sockets)
    await unmountAll([sockets, join(shop.places.state, 'docker')], shop)
    rmSync(sockets, { recursive: true, force: true })
  },
}
