import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { endCgroup, endProcessesOf, list, unmountAll } from '../leftovers.ts'
import { removeLink } from '../network.ts'
import type { Places } from '../places.ts'
import type { Workshop } from '../workshop.ts'
import { containerdFolder, podBridge } from './containerd.ts'

/** The control group that holds every pod of the lab, and nothing else: to end what is in it is to end the pods. */
export const podCgroup = (places: Places) => places.name

/** What CNI keeps of a pod's network: among others the path of its namespace. */
interface CniRecord {
  result: { interfaces: { sandbox?: string }[] }
}

/** Removes the network namespaces of pods, by CNI's own records, which carry the lab's name. */
async function removeNetworks({ places, run }: Workshop): Promise<void> {
  const records = '/var/lib/cni/results'
  for (const file of list(records).filter(name => name.startsWith(`${places.name}-`))) {
    const { result } = JSON.parse(readFileSync(join(records, file), 'utf8')) as CniRecord
    for (const { sandbox } of result.interfaces) {
      const name = sandbox?.split('/').at(-1)
      if (name) await run('ip', ['netns', 'delete', name], { tolerate: [1] })
    }
    rmSync(join(records, file), { force: true })
  }
  await removeLink(podBridge, run)
  rmSync(join(places.state, 'cni'), { recursive: true, force: true })
}

/** The folders of the node that begin empty at every `up`. containerd's stays: it holds the images. */
function removeFolders(places: Places): void {
  for (const name of ['kubelet', 'pod-logs'])
    rmSync(join(places.state, name), { recursive: true, force: true })
  rmSync(containerdFolder(places), { recursive: true, force: true })
  for (const link of list('/var/log/containers')) {
    const file = join('/var/log/containers', link)
    if (!existsSync(file)) rmSync(file, { force: true })
  }
}

/** Ends pods, shims, mounts and networks of the node once its daemons have ended, or have crashed. */
export async function clearNode(shop: Workshop): Promise<void> {
  await endCgroup(podCgroup(shop.places))
  endProcessesOf(containerdFolder(shop.places))
  await unmountAll([containerdFolder(shop.places), join(shop.places.state, 'kubelet')], shop)
  await removeNetworks(shop)
  removeFolders(shop.places)
}
