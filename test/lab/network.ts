import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { Part } from './part.ts'
import { networks, placesAt, type Places } from './places.ts'
import { Daemons } from './process.ts'
import { LabError } from './lab-error.ts'
import type { Workshop } from './workshop.ts'

const bridge = 'lab0'
/** Names the state folder of the lab that the bridge belongs to. It lasts as long as the bridge: until a reboot. */
const claim = '/run/runbook-lab0'

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
    const owner = ownerOf()
    if (!isThere() || owner === places.state || lostLab(places)) return
    if (owner !== undefined)
      throw new LabError(
        `another lab runs on this machine: that of ${owner}`,
        'Stop it with its own script/lab down: two cannot share the bridge and the ports.',
      )
    if (hasOurAddress()) return
    throw new LabError(
      `the bridge ${bridge} is there, and no lab made it`,
      `When nothing needs it any more: ip link delete ${bridge}`,
    )
  },
  async up({ places, run }) {
    writeFileSync(claim, places.state)
    if (!isThere()) await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
    await run('ip', ['address', 'replace', networks.host, 'dev', bridge])
    await run('ip', ['link', 'set', bridge, 'up'])
    return {}
  },
  async clean({ places, run }) {
    // The bridge of another lab is not ours to take away.
    if (ownerOf() !== places.state) return
    await removeLink(bridge, run)
    rmSync(claim)
  },
}

function isThere(): boolean {
  return existsSync(`/sys/class/net/${bridge}`)
}

function hasOurAddress(): boolean {
  return networkInterfaces()[bridge]?.some(({ cidr }) => cidr === networks.host) ?? false
}

function ownerOf(): string | undefined {
  try {
    return readFileSync(claim, 'utf8')
  } catch {
    return undefined
  }
}

/** Another lab that was killed with all its processes before it could take its bridge away. */
export function lostLab({ state }: Places): Places | undefined {
  const owner = ownerOf()
  if (owner === undefined || owner === state) return undefined
  const daemons = new Daemons(owner)
  return daemons.names().some(name => daemons.runs(name)) ? undefined : placesAt(owner)
}
