import { existsSync, statSync } from 'node:fs'
import { ToolError } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import { readIfThere, writeWhole } from './source/files.ts'
import type { Context } from './places.ts'
import { readApp } from './pm2.ts'

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

/** Lines of the log that are kept of a release. */
const evidenceLines = 60
/** pm2 writes what an app said a moment after the app has ended. */
const lateLogMs = 2_000
const askAgainMs = 100

/**
 * Notes how long the log is when a release is about to be started: what was there before is another release's.
 * @returns bytes
 */
export function noteLogStart(context: Context, id: ReleaseId): number {
  const size = logSize(context)
  writeWhole(context.places.logStart(id), String(size))
  return size
}

/**
 * What the log has of a release, and how its app is: only where that release is the one that pm2 runs. An empty log is read
 * again, for 2 s at most, when the app has ended or was restarted.
 */
export async function readEvidence(context: Context, id: ReleaseId): Promise<Evidence[]> {
  const app = await readApp(context)
  if (app?.pm2_env.env?.['RUNBOOK_RELEASE'] !== id) return []
  const { clock, signal } = context.adapters
  const { status, restart_time: restarts = 0, exit_code: code } = app.pm2_env
  const from = Number(readIfThere(context.places.logStart(id)) ?? 0)
  const giveUp = clock.elapsed() + (status !== 'online' || restarts > 0 ? lateLogMs : 0)
  let log = tailOf(context, evidenceLines, from)
  while (log === '' && clock.elapsed() < giveUp) {
    await clock.sleep(askAgainMs, signal)
    log = tailOf(context, evidenceLines, from)
  }
  const ended = code === undefined ? '' : `, last exit code ${code}`
  return [
    {
      subject: `log of app ${app.name}`,
      finding: log === '' ? 'it wrote nothing' : 'the last lines:',
      tone: 'note',
      ...(log === '' ? {} : { detail: log }),
    },
    { subject: `app ${app.name}`, finding: `${status}, restarts: ${restarts}${ended}`, tone: 'note' },
  ]
}
