import { statSync } from 'node:fs'
import { readIfThere } from './files.ts'
import type { Context } from './places.ts'

/** Bytes that are in the service's log now. */
export function logSize({ places }: Context): number {
  return statSync(places.log, { throwIfNoEntry: false })?.size ?? 0
}

/**
 * The end of the service's log, without secrets.
 * @param from byte at which to begin; a log that was rotated away since is read from its start
 */
export function tailOf(context: Context, lines: number, from = 0): string {
  const bytes = Buffer.from(readIfThere(context.places.log) ?? '')
  const since = bytes.subarray(from > bytes.length ? 0 : from).toString('utf8')
  return context.adapters.secrets.redact(since.trimEnd().split('\n').slice(-lines).join('\n'))
}
