import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { watchExit } from '../dump/child.ts'
import type { BackupPorts } from '../ports.ts'
import { serverScript } from './server-script.ts'
import {
  requireRoom,
  serverSettings,
  socketServer,
  untilReady,
  type Restored,
  type TemporaryServer,
} from './temporary-server.ts'

/** What a server with the settings of ours takes, and the page cache besides, which the kernel takes back. */
const memory = '4g'

/**
 * Starts a server for one restore in a container without network, capabilities or anything of this machine but a folder
 * with its socket; only this user reaches that.
 * @throws ToolError when there is no room, or it does not start
 */
export async function startContainerServer(
  ports: BackupPorts,
  image: string,
  restored: Restored,
): Promise<TemporaryServer> {
  const { exec, env, signal } = ports
  const { size, superuser } = restored
  const root = await exec.run('docker', ['info', '--format', '{{.DockerRootDir}}'], { env, signal })
  const disk = root.stdout.trim()
  if (await statfs(disk).catch(() => undefined)) await requireRoom(disk, size)
  const folder = await mkdtemp(join(env['TMPDIR'] ?? tmpdir(), 'runbook-verify-container-'))
  const socket = join(folder, 'socket')
  await mkdir(socket)
  // The image's own user makes the socket; the folder around it is closed to all others.
  await chmod(socket, 0o777)
  const settings = { ...serverSettings(restored), unix_socket_directories: '/socket' }
  const child = exec.start(
    'docker',
    [
      ...['run', '--rm', '--interactive', `--name=runbook-verify-${randomBytes(6).toString('hex')}`],
      ...['--network=none', '--user=postgres', '--cap-drop=ALL', '--security-opt=no-new-privileges'],
      ...[
        `--memory=${memory}`,
        '--pids-limit=256',
        '--ulimit=core=0',
        '--log-driver=none',
        '--shm-size=512m',
      ],
      ...['--mount', `type=bind,source=${socket},target=/socket`, '--entrypoint=sh', image],
      ...['-c', serverScript, 'sh', 'initdb', 'postgres', '/tmp', superuser],
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    { env },
  )
  const password = randomBytes(18).toString('base64url')
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${password}\n`)
  child.stdout.resume()
  const ended = watchExit(child)
  const stop = async () => {
    child.stdin.end()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  const server = socketServer(socket, superuser, password)
  try {
    await untilReady(ports, server, ended)
    return { server, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
