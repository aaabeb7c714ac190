import { readFile, statfs } from 'node:fs/promises'
import { cpus, freemem, loadavg, totalmem } from 'node:os'

/** What the machine that this runs on has, and how much of it is in use, as shares of 1. */
export interface HostUse {
  memory: { share: number; totalBytes: number }
  /** Processes that ran or wanted to in the last minute, for each CPU: over 1 there is a queue. */
  load: { share: number; cpus: number }
  disk: { share: number; freeBytes: number }
}

/** @param folder whose file system is asked */
export async function readHost(folder: string): Promise<HostUse> {
  const { bsize, blocks, bfree, bavail } = await statfs(folder)
  const used = blocks - bfree
  const total = totalmem()
  const count = Math.max(1, cpus().length)
  return {
    memory: { share: 1 - (await availableMemory()) / total, totalBytes: total },
    load: { share: (loadavg()[0] ?? 0) / count, cpus: count },
    // As df counts: what is kept for root cannot be used.
    disk: { share: used + bavail === 0 ? 0 : used / (used + bavail), freeBytes: bavail * bsize },
  }
}

/** What new programs could have without swapping; `freemem` alone counts caches as used. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1]
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024
}
