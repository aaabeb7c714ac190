import { chown, mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ToolError } from '../outcome/errors.ts'
import { connect } from '../platform/postgres.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { showSize } from '../runbook/values.ts'
import { lastLine, watchExit } from './child.ts'
import type { DatabaseFacts } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'

/** A PostgreSQL server of our own, for one restore. Only this user reaches it, over a socket in its folder. */
export interface TemporaryServer {
  server: PostgresServer
  stop(): Promise<void>
}

const folderName = 'runbook-verify-'
const startWithinMs = 60_000
/** No verification takes this long: a folder that is older was left by a run that was killed. */
const abandonedAfterMs = 3 * 86_400_000

/** It lives for minutes and is thrown away: nothing that guards against a crash is needed. As a server's options have them. */
export const serverSettings = {
  listen_addresses: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '4GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
  shared_buffers: '256MB',
  maintenance_work_mem: '256MB',
  max_connections: '20',
  jit: 'off',
}

/**
 * Makes and starts a server in a temporary folder (TMPDIR, else /tmp).
 * @param facts of the database that will be restored into it: its size, and the superuser that may own parts of it
 * @throws ToolError when there is no room, or it does not start
 */
export async function startTemporaryServer(
  ports: BackupPorts,
  programs: Programs,
  { size, superuser }: Pick<DatabaseFacts, 'size' | 'superuser'>,
): Promise<TemporaryServer> {
  const { exec, env, signal, clock } = ports
  if (programs.image !== undefined) {
    const { startContainerServer } = await import('./container.ts')
    return startContainerServer(ports, programs.image, { size, superuser })
  }
  if (!programs.server)
    throw new ToolError(`No server programs lie beside ${programs.pgDump}`, noServerHint(programs.major))
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
    const [initdb, initdbArgs] = launch(programs.server.initdb, [
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
  const [postgres, postgresArgs] = launch(programs.server.postgres, [
    '-D',
    data,
    ...Object.entries({ ...serverSettings, unix_socket_directories: folder }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ]),
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

/** What to install for a temporary server, or to do instead. */
export function noServerHint(major: number): { tool: string; hint: string } {
  return {
    tool: 'postgres',
    hint: `Install postgresql-${major} beside the client, give this machine a Docker engine, or name a server to restore into with verify-url; verify: list proves less, and says so.`,
  }
}

/** Waits until a server takes connections. @throws ToolError when it ends before, or takes too long */
export async function untilReady(
  { clock, signal }: BackupPorts,
  server: PostgresServer,
  ended: ReturnType<typeof watchExit>,
): Promise<void> {
  const giveUp = clock.elapsed() + startWithinMs
  let gone: string | undefined
  void ended.then(({ stderr }) => {
    gone = stderr
  })
  for (;;) {
    try {
      await (await connect(server, { signal })).close()
      return
    } catch (error) {
      signal.throwIfAborted()
      if (gone !== undefined) throw startError('postgres', gone)
      if (clock.elapsed() > giveUp) throw error
      await clock.sleep(50, signal)
    }
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

/** Restored, a database is about as large as it was; its indexes are built through temporary files. */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const [free, needed] = [bavail * bsize, bytes * 1.3 + 128 * 2 ** 20]
  if (free >= needed) return
  throw new ToolError(
    `${folder} has ${showSize(free)} free; restoring the backup to verify it takes ${showSize(needed)}`,
    {
      tool: 'temporary server',
      hint: 'Set TMPDIR to a folder on a larger disk, or name a server with verify-url.',
    },
  )
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

function startError(program: string, stderr: string): ToolError {
  return new ToolError(`The temporary server could not be started: ${lastLine(stderr)}`, {
    tool: program,
    stderr,
    hint: 'Look at what it said, or name a server to restore into with verify-url.',
  })
}
