import { mkdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../host/clock.ts'
import { writeFirst } from './source/files.ts'

/** One of pm2's daemons: there is one for each home. */
export interface Home {
  folder: string
  clock: Clock
  signal: AbortSignal
}

/** The folder that pm2 itself would take: PM2_HOME, else `.pm2` in the user's own. */
export function pm2Home(env: Record<string, string | undefined>): string {
  const [home] = [env['PM2_HOME'], env['HOME'] && join(env['HOME'], '.pm2')].filter(Boolean)
  return home ?? join(homedir(), '.pm2')
}

/** The longest that a start may take, milliseconds. */
export const startMs = 30_000
/** A start that is older than this was cut off. */
const staleMs = startMs + 5_000
const lookEveryMs = 50

/**
 * Whether a daemon listens at its socket; where it cannot be told (rights), pm2 shall say why. Every command of pm2 starts
 * a daemon when it meets none, and two that do so at once leave two: one has lost its socket, and the process that started it waits
 * for ever.
 */
export function daemonRuns({ folder }: Pick<Home, 'folder'>): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(join(folder, 'rpc.sock'))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED'),
    )
  })
}

/**
 * Sees to it that one daemon runs, also when other processes of this machine want it at the same moment: one starts it, the
 * others wait.
 * @param start starts it and ends when it runs, or throws within `startMs`
 */
export async function ensureDaemon(home: Home, start: () => Promise<unknown>): Promise<void> {
  const { folder, clock, signal } = home
  const lock = join(folder, 'runbook-start.lock')
  mkdirSync(folder, { recursive: true })
  while (!(await daemonRuns(home))) {
    if (writeFirst(lock, String(process.pid))) {
      try {
        // Another process may have started it between the look and the lock.
        if (!(await daemonRuns(home))) await start()
        return
      } finally {
        rmSync(lock, { force: true })
      }
    }
    const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && clock.now() - since > staleMs) rmSync(lock, { force: true })
    await clock.sleep(lookEveryMs, signal)
  }
}
