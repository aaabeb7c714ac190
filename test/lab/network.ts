import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { networks } from './places.ts'
import type { Workshop } from './workshop.ts'

const bridge = 'lab0'
/** What `ip` ends with when a device of the name is there already. */
const exists = 2

/** Removes a network device, if it is there. */
export async function removeLink(name: string, run: Workshop['run']): Promise<void> {
  await run('ip', ['link', 'delete', name], { tolerate: [1] })
}

/** A bridge that no cable leaves: its address is one that pods, containers and this machine can all reach. */
export const network: Part = {
  name: 'network',
  after: [],
  packages: () => [{ name: 'iproute2', holds: 'ip' }],
  async up({ places, run }) {
    writeFileSync(join(places.state, 'network'), bridge)
    await run('ip', ['link', 'add', bridge, 'type', 'bridge'], { tolerate: [exists] })
    await run('ip', ['address', 'replace', networks.host, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return {}
  },
  async clean({ places, run }) {
    // The bridge of another user's lab is not ours to take away.
    if (!existsSync(join(places.state, 'network'))) return
    await removeLink(bridge, run)
    rmSync(join(places.state, 'network'))
  },
}
