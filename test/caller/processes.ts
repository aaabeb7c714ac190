import { readdirSync, readFileSync } from 'node:fs'

/** Ids of the processes whose environment has a variable with this very value; this one is not among them. */
export function processesWith(name: string, value: string): number[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter(entry => environmentOf(entry).includes(`${name}=${value}`))
    .map(Number)
}

/** Ends processes at once; those that ended meanwhile are no error. */
export function killAll(ids: number[]): void {
  for (const id of ids) {
    try {
      process.kill(id, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

function environmentOf(id: string): string[] {
  try {
    return readFileSync(`/proc/${id}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
