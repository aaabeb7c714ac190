import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Part } from './part.ts'
import { networks, type Places } from './places.ts'
import { LabError, type Workshop } from './workshop.ts'

const bridge = 'lab0'

/** Removes a network device, if it is there. */
export async function removeLink(name: string, run: Workshop['run']): Promise<void> {
  await run('ip', ['link', 'delete', name], { tolerate: [1] })
}

/** A bridge that no cable leaves: its address is one that pods, containers and this machine can all reach. */
export const network: Part = {
  name: 'network',
  after: [],
  packages: () => [{ name: 'iproute2', holds: 'ip' }],
  refuse(places) {
    if (!isThere() || existsSync(claimOf(places))) return
    throw new LabError(
      `the bridge ${bridge} is there and not of this lab: another lab runs on this machine, or one was lost`,
      `Stop that lab with its own script/lab down, or remove what is left of it: ip link delete ${bridge}`,
    )
  },
  async up({ places, run }) {
    writeFileSync(claimOf(places), bridge)
    if (!isThere()) await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    await run('ip', ['address', 'replace', networks.host, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return {}
  },
  async clean({ places, run }) {
    // The bridge of another lab is not ours to take away.
    if (!existsSync(claimOf(places))) return
    await removeLink(bridge, run)
    rmSync(claimOf(places))
  },
}

function isThere(): boolean {
  return existsSync(`/sys/class/net/${bridge}`)
}

/** A file that says that the bridge is this lab's. */
function claimOf({ state }: Places): string {
  return join(state, 'network')
}
