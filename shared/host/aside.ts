import { messageOf } from '../outcome/errors.ts'
import type { Log } from './log.ts'

/**
 * Tells something to those who are not here.
 * @param what it is, as a warning can begin: `The outcome's files`
 */
export type Aside = (what: string, tell: () => unknown) => Promise<void>

/**
 * Telling never decides how the work ends: what cannot be told, as on a full disk, is warned of, once for each `what`, and
 * the work goes on. What does not wait for anything has been told when the call returns.
 */
export function createAside(log: Pick<Log, 'warn'>): Aside {
  const warned = new Set<string>()
  return async (what, tell) => {
    try {
      await tell()
    } catch (error) {
      if (!warned.has(what)) log.warn(`${what} cannot be written: ${messageOf(error)}. The work goes on.`)
      warned.add(what)
    }
  }
}
