import { existsSync, statSync } from 'node:fs'
import { ToolError } from '../../outcome/errors.ts'
import { readIfThere } from './files.ts'
import type { Context } from './places.ts'

/** Bytes that are in the service's log now. */
export function logSize({ places }: Context): number {
  return statSync(places.log, { throwIfNoEntry: false })?.size ?? 0
}

/** @throws ToolError when no release has written any: an app that was started by hand logs elsewhere */
export function requireLog({ environment, places, spec }: Context): void {
  if (existsSync(places.log)) return
  throw new ToolError(`there is no log ${places.log}`, {
    tool: 'pm2',
    reason: 'tool-failed',
    hint: `Nothing has been released yet (runbook status ${environment.name}), or the app was started by hand: pm2 logs ${spec.app}`,
  })
}

/**
 * The end of the service's log, without secrets.
 * @param from byte at which to begin; a log that was rotated away since is read from its start
 */
export function tailOf(context: Context, lines: number, from = 0): string {
  const bytes = Buffer.from(readIfThere(context.places.log) ?? '')
  const since = bytes.subarray(from > bytes.length ? 0 : from).toString('utf8')
  return context.adapters.secrets.redactPiece(since.trimEnd().split('\n').slice(-lines).join('\n'))
}
