import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Places } from './places.ts'
import { identify, isAlive } from './process.ts'

/** Lets one `up` or `down` work at a time. The lock of a process that is gone counts for nothing. */
export async function holdLock(
  places: Places,
  say: (part: string, text: string) => void,
  signal: AbortSignal,
): Promise<Disposable> {
  const file = join(places.state, 'lock')
  const me = JSON.stringify(identify(process.pid))
  for (let told = false; ;) {
    try {
      writeFileSync(file, me, { flag: 'wx' })
      return {
        [Symbol.dispose]() {
          rmSync(file, { force: true })
        },
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const holder = read(file)
    if (holder === undefined || !isAlive(holder)) {
      rmSync(file, { force: true })
    } else if (!told) {
      say('lab', `waiting for process ${holder.pid}, which is at work on the lab`)
      told = true
    }
    await pause(100, undefined, { signal })
  }
}

function read(file: string): ReturnType<typeof identify> | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof identify>
  } catch {
    return undefined
  }
}
