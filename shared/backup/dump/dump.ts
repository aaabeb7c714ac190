import { pipeline, type Readable } from 'node:stream'
import { ToolError } from '../../outcome/errors.ts'
import { libpqEnvironment, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import { lastError, watchExit } from './child.ts'
import { createExitGuard } from '../storage/exit-guard.ts'
import { launch } from './launch.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'

/**
 * Starts pg_dump on one exported snapshot, in custom format.
 * @param scope arguments that say what to dump; empty: all of it
 * @returns its output, which ends only when pg_dump succeeded and is destroyed with a ToolError when it did not
 */
export function startDump(
  { exec, env, signal }: Pick<BackupPorts, 'exec' | 'env' | 'signal'>,
  programs: Programs,
  server: PostgresServer,
  snapshot: string,
  scope: string[],
): Readable {
  // Not compressed by pg_dump, which has one thread for everything: that is done behind it.
  const args = ['--format=custom', '--compress=0', `--snapshot=${snapshot}`, '--no-password', ...scope]
  const own = libpqEnvironment(server, env)
  const child = exec.start(...launch(programs, 'pg_dump', args, server, own), { env: own, signal })
  child.stdin.on('error', () => undefined)
  child.stdin.end()
  const exit = watchExit(child)
  const finished = exit.then(({ code, stderr }) => {
    if (code === 0) return
    signal.throwIfAborted()
    throw new ToolError(`pg_dump ended with exit code ${code}: ${lastError(stderr)}`, {
      tool: 'pg_dump',
      code,
      stderr,
      hint: hintOf(stderr),
    })
  })
  // The reader of the guard gets the failure; here it only must not count as unhandled.
  finished.catch(() => undefined)
  const guard = createExitGuard(finished)
  pipeline(child.stdout, guard, error => {
    // The reader went away: the rest is not needed.
    if (error) child.kill()
  })
  return guard
}

function hintOf(stderr: string): string {
  if (/permission denied/i.test(stderr))
    return 'Give the database user the right to read everything, or back up as the owner.'
  if (/server version mismatch/i.test(stderr)) return 'Install a pg_dump of the version of the server.'
  if (/row-level security/i.test(stderr))
    return 'Back up as a user with BYPASSRLS: others see only a part of the rows.'
  if (/server closed the connection|terminating connection/i.test(stderr))
    return 'Look at the log of the database server: it went down, or ended the connection. Then run this again.'
  return 'Look at what pg_dump said, and at the log of the database server.'
}
