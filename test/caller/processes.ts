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

/** Ids of the processes that this one has started and that still run; those that have only not been reaped are not among them. */
export function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry))
    .map(Number)
    .filter(id => statOf(id)?.parent === parent && statOf(id)?.state !== 'Z')
}

/** A process and all that it has started, itself first. */
export function treeOf(root: number): number[] {
  return [root, ...childrenOf(root).flatMap(treeOf)]
}

export function isRunning(id: number): boolean {
  const state = statOf(id)?.state
  return state !== undefined && state !== 'Z'
}

/** Fields 3 and 4 of proc(5); the name in field 2 may hold blanks and parentheses. */
function statOf(id: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8')
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function environmentOf(id: string): string[] {
  try {
    return readFileSync(`/proc/${id}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
