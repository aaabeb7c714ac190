import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { networks } from './places.ts'

const bridge = 'lab0'

/** A bridge that no cable leaves: its address is one that pods, containers and this machine can all reach. */
export const network: Part = {
  name: 'network',
  after: [],
  packages: () => [{ name: 'iproute2', holds: 'ip' }],
  async up({ places, run }) {
    writeFileSync(join(places.state, 'network'), bridge)
    if (!existsSync(`/sys/class/net/${bridge}`)) await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    await run('ip', ['address', 'replace', networks.host, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return {}
  },
  async clean({ places, run }) {
    // The bridge of another user's lab is not ours to take away.
    if (!existsSync(join(places.state, 'network'))) return
    if (existsSync(`/sys/class/net/${bridge}`)) await run('ip', ['link', 'delete', bridge])
    rmSync(join(places.state, 'network'))
  },
}
