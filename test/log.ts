import type { Log } from '../shared/host/log.ts'

/** Hands every line on, whatever its kind. */
export function logTo(say: (line: string) => void): Log {
  return { info: say, warn: say, error: say, debug: say, group: (_title, work) => work() }
}

/** For what is not read. */
export const silent: Log = logTo(() => undefined)
