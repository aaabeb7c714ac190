import { bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'
import type { Room } from './cluster.ts'
import { deployment } from './manifests.ts'

/** No pod has to start where only what the API server takes is looked at. */
export const app = (more: Parameters<typeof deployment>[0] = {}) => deployment({ replicas: 0, ...more })
/** What the tests read of an object, whatever its kind. */
export interface Found {
  metadata: { uid: string }
  data?: Record<string, string>
  immutable?: boolean
  roleRef?: { name: string }
  spec: Record<string, unknown> & { versions?: { name: string }[] }
}

/** An object as the cluster has it. @param args as `kubectl get` takes them */
export function readObject(room: Room, ...args: string[]): Found {
  return JSON.parse(room.kubectl('get', ...args, '-o', 'json')) as Found
}

let version = 0
/** Releases one set of manifests as good, then another, and restores the first. */
export async function thereAndBack(
  room: Room,
  good: Record<string, string>,
  bad: Record<string, string>,
  { between }: { between?: () => void | Promise<void> } = {},
) {
  const first = await room.open(good)
  const lock = await takeFree(first.target, run(String((version += 1))))
  try {
    const one = await release(first.target, lock, `v1.${version}.0`, room.image)
    await recordGood(lock, one.id)
    await between?.()
    const second = await room.open(bad)
    const planned = await second.target.render({ version: `v1.${version}.1`, image: room.image, config: {} })
    const plan = await second.target.planRollback(one.payload, planned)
    const two = await release(second.target, lock, `v1.${version}.1`, room.image)
    const changes = await bringBack(second.target, lock, one.id, two.id)
    const drift = await second.target.drift()
    return {
      plan,
      drift,
      notes: changes.flatMap(({ object, notes = [] }) => notes.map(note => `${object}: ${note}`)),
      refused: changes.flatMap(({ object, refused }) => (refused ? [{ object, ...refused }] : [])),
    }
  } finally {
    await lock.end()
  }
}
