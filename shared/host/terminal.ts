import { printable } from '../outcome/printable.ts'
import type { Log } from './log.ts'
import type { Secrets } from './secrets/secrets.ts'

/**
 * A log for a terminal: what is done goes to standard error, so that standard output stays free for results.
 * @param keep also given every line, for the log file of the day
 */
export function createTerminalLog(
  secrets: Secrets,
  stream: { write(line: string): unknown },
  keep: (line: string) => void,
): Log {
  const write = (line: string) => {
    const shown = printable(secrets.redact(line))
    stream.write(`${shown}\n`)
    keep(shown)
  }
  return {
    info: write,
    warn: line => write(`! ${line}`),
    error: line => write(`x ${line}`),
    debug: line => keep(printable(secrets.redact(line))),
    async group(title, work) {
      write(title)
      return work()
    },
  }
}
