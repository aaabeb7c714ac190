import { chown, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ToolError } from '../outcome/errors.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { watchExit } from './child.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import {
  requireRoom,
  serverSettings,
  startError,
  untilReady,
  type Restored,
  type TemporaryServer,
} from './temporary-server.ts'

const folderName = 'runbook-verify-'
/** No verification takes this long: a folder that is older was left by a run that was killed. */
const abandonedAfterMs = 3 * 86_400_000

/**
 * Makes and starts a server in a temporary folder (TMPDIR, else /tmp). Only this user reaches it, over a socket in there.
 * @throws ToolError when there is no room, or it does not start
 */
export async function startLocalServer(
  ports: BackupPorts,
  programs: NonNullable<Programs['server']>,
  restored: Restored,
): Promise<TemporaryServer> {
  const { exec, env, signal, clock } = ports
  const { size, superuser } = restored
  const temporary = await parentFolder(env['TMPDIR'])
  await removeAbandoned(temporary, clock.now())
  await requireRoom(temporary, size)
  const folder = await mkdtemp(join(temporary, folderName))
  const prefix = await launcher(ports, folder)
  const launch = (program: string, args: string[]): [string, string[]] =>
    prefix[0] === undefined ? [program, args] : [prefix[0], [...prefix.slice(1), program, ...args]]
  const plainEnv = { PATH: env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
  const data = join(folder, 'data')
  try {
    const [initdb, initdbArgs] = launch(programs.initdb, [
      `--pgdata=${data}`,
      `--username=${superuser}`,
      '--auth=trust',
      '--encoding=UTF8',
      '--no-locale',
      '--no-sync',
    ])
    const made = await exec.run(initdb, initdbArgs, { env: plainEnv, cwd: folder, signal })
    if (made.code !== 0) throw startError('initdb', made.stderr)
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
  const [postgres, postgresArgs] = launch(programs.postgres, [
    '-D',
    data,
    ...Object.entries({ ...serverSettings(restored), unix_socket_directories: folder }).flatMap(
      ([name, value]) => ['-c', `${name}=${value}`],
    ),
  ])
  // Not tied to the signal: it is stopped below, in order, so that its folder can be removed.
  const child = exec.start(postgres, postgresArgs, { env: plainEnv, cwd: folder })
  child.stdin.end()
  child.stdout.resume()
  const ended = watchExit(child)
  const stop = async () => {
    // Immediate shutdown: what it holds is not wanted any more.
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGQUIT')
    await ended
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  const server: PostgresServer = {
    host: folder,
    port: 5432,
    user: superuser,
    password: '',
    database: 'postgres',
    sslmode: 'disable',
    sslrootcert: '',
    sslcert: '',
    sslkey: '',
    options: '',
    connectTimeoutMs: 10_000,
    via: undefined,
  }
  try {
    await untilReady(ports, server, ended)
    return { server, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * What the programs are started through: as somebody else when we are root, which PostgreSQL refuses to be, and so
 * that they end when we are killed.
 */
async function launcher({ exec, env, signal }: BackupPorts, folder: string): Promise<string[]> {
  const root = isRoot()
  const setpriv = await exec.run('setpriv', ['--version'], { env, signal }).catch(() => undefined)
  signal.throwIfAborted()
  if (setpriv?.code !== 0) {
    if (!root) return []
    throw new ToolError(
      'PostgreSQL does not run as root, and there is no setpriv to start it as somebody else',
      {
        tool: 'setpriv',
        hint: 'Install util-linux, run this as another user, or name a server with verify-url.',
      },
    )
  }
  const dying = ['setpriv', '--pdeathsig', 'QUIT']
  if (!root) return dying
  for (const user of ['postgres', 'nobody']) {
    const [uid, gid] = await Promise.all(
      ['-u', '-g'].map(async flag =>
        Number((await exec.run('id', [flag, user], { env, signal })).stdout || NaN),
      ),
    )
    if (!uid || !gid) continue
    await chown(folder, uid, gid)
    return [...dying, '--reuid', String(uid), '--regid', String(gid), '--clear-groups']
  }
  throw new ToolError('PostgreSQL does not run as root, and there is neither a user postgres nor nobody', {
    tool: 'postgres',
    hint: 'Run this as another user, or name a server with verify-url.',
  })
}

/** TMPDIR, else /tmp; a folder that only root may enter is of no use to the user that PostgreSQL runs as. */
async function parentFolder(wanted: string | undefined): Promise<string> {
  const parent = wanted?.startsWith('/') === true ? wanted : '/tmp'
  if (!isRoot()) return parent
  for (let folder = parent; folder !== '/'; folder = dirname(folder)) {
    const { mode } = await stat(folder)
    if ((mode & 0o001) === 0) return '/tmp'
  }
  return parent
}

function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** @throws ToolError when a database of that size, in bytes, would find no room in a temporary server of this machine */
export async function requireTemporaryRoom(env: BackupPorts['env'], size: number): Promise<void> {
  await requireRoom(await parentFolder(env['TMPDIR']), size)
}

async function removeAbandoned(parent: string, now: number): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    if (!name.startsWith(folderName)) continue
    const path = join(parent, name)
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory() && now - found.mtimeMs > abandonedAfterMs)
      await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}
