import { existsSync } from 'node:fs'
import type { Part } from './part.ts'
import { networks } from './places.ts'

const bridge = 'lab0'

/** A bridge that no cable leaves: its address is one that pods, containers and this machine can all reach. */
export const network: Part = {
  name: 'network',
  after: [],
  packages: [{ name: 'iproute2', file: '/usr/sbin/ip' }],
  async up({ run }) {
    if (!existsSync(`/sys/class/net/${bridge}`)) await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    await run('ip', ['address', 'replace', networks.host, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return {}
  },
  async clean({ run }) {
    if (existsSync(`/sys/class/net/${bridge}`)) await run('ip', ['link', 'delete', bridge])
  },
}
