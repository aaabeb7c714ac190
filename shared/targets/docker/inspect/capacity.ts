import { statfs } from 'node:fs/promises'
import { showSize } from '../../../config/values.ts'
import type { Capacity } from '../../target.ts'
import { serving } from '../apply/fleet.ts'
import type { Context } from '../engine/context.ts'
import { readStore } from '../state/store.ts'

/** The guide's threshold for disks. */
const mostDisk = 0.9
/** What a service is taken to need when none runs that could be asked. */
const assumedBytes = 128 * 2 ** 20

/** Memory for a second container beside the one that serves, and disk for its image. */
export async function capacity(context: Context): Promise<Capacity> {
  const { engine, names } = context
  const info = await engine.json<{ MemTotal: number; DockerRootDir: string }>('GET', '/info')
  const { fleet } = await readStore(context)
  const there = serving(fleet, names)
  const needed = (there?.running ? await memoryOf(context, there.id) : undefined) ?? assumedBytes
  const disk = engine.local ? await diskOf(info.DockerRootDir) : undefined
  const memory = `${showSize(info.MemTotal)} of memory, a second container takes about ${showSize(needed)}`
  // The engine tells the whole of its memory, not what is free: half of it is what can be said without a guess.
  if (needed > info.MemTotal / 2) {
    return {
      enough: false,
      finding: `${engine.place} has ${memory}`,
      remedy: 'Give the host more memory, or the service less.',
    }
  }
  if (disk && disk.used > mostDisk) {
    return {
      enough: false,
      finding: `${info.DockerRootDir} is ${Math.round(disk.used * 100)}% full, ${showSize(disk.free)} are free`,
      remedy: 'Remove images that are not in use: docker image prune -a',
    }
  }
  const room = disk
    ? `${info.DockerRootDir} has ${showSize(disk.free)} free`
    : 'its disk cannot be seen from here'
  return { enough: true, finding: `${engine.place} has ${memory}; ${room}`, remedy: '' }
}

/** Memory of the container that serves; empty when none does. */
export async function readUsage(context: Context): Promise<string> {
  const there = serving((await readStore(context)).fleet, context.names)
  const bytes = there?.running ? await memoryOf(context, there.id) : undefined
  return there && bytes !== undefined ? `${there.name}: ${showSize(bytes)} of memory` : ''
}

async function memoryOf({ engine }: Context, id: string): Promise<number | undefined> {
  const query = { stream: false, 'one-shot': true }
  const { status, body } = await engine.call('GET', `/containers/${id}/stats`, { query })
  if (status !== 200) return undefined
  const { memory_stats: memory } = JSON.parse(body.toString('utf8')) as { memory_stats?: { usage?: number } }
  return memory?.usage
}

async function diskOf(folder: string): Promise<{ used: number; free: number } | undefined> {
  try {
    const { blocks, bavail, bfree, bsize } = await statfs(folder)
    const used = blocks - bfree
    return { used: used / (used + bavail), free: bavail * bsize }
  } catch {
    return undefined
  }
}
