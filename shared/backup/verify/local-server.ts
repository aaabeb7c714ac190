import { randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { watchExit } from '../dump/child.ts'
import type { BackupPorts } from '../ports.ts'
import { makeFolder, type Sandbox } from './sandbox.ts'
import { serverScript } from './server-script.ts'
import {
  requireRoom,
  serverSettings,
  socketServer,
  untilReady,
  type Restored,
  type ServerPrograms,
  type TemporaryServer,
} from './temporary-server.ts'

const folderName = 'runbook-verify-'
/** No verification takes this long: a folder that is older was left by a run that was killed. */
const abandonedAfterMs = 3 * 86_400_000
/** An immediate shutdown takes a fraction of a second, and then the files are removed. */
const stopWithinMs = 60_000

/**
 * Makes and starts a server in a sandbox whose files are in a temporary folder (TMPDIR, else /tmp). Only this user reaches
 * it, over a socket in there.
 * @throws ToolError when there is no room, or it does not start
 */
export async function startLocalServer(
  ports: BackupPorts,
  { initdb, postgres }: ServerPrograms,
  sandbox: Sandbox,
  restored: Restored,
): Promise<TemporaryServer> {
  const { exec, env, clock } = ports
  const temporary = parentFolder(env['TMPDIR'])
  await removeAbandoned(temporary, clock.now())
  await requireRoom(temporary, restored.size)
  const folder = await makeFolder(temporary, folderName)
  const settings = { ...serverSettings(restored), unix_socket_directories: '/socket' }
  const [file, args] = sandbox.wrap(folder, [
    ...['sh', '-c', serverScript, 'sh', initdb, postgres, '/data', restored.superuser],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ])
  // Not tied to the signal: it is stopped below, in order, so that its folder can be removed.
  const child = exec.start(file, args, { env: { PATH: env['PATH'] } })
  const password = randomBytes(18).toString('base64url')
  child.stdin.on('error', () => undefined)
  child.stdin.write(`${password}\n`)
  child.stdout.resume()
  const ended = watchExit(child)
  const stop = async () => {
    child.stdin.end()
    // Only what we have started ourselves may we end; by way of sudo it ends with its standard input or not at all.
    const kill = setTimeout(() => sandbox.kind !== 'sudo' && child.kill('SIGKILL'), stopWithinMs)
    await ended
    clearTimeout(kill)
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
  const server = socketServer(join(folder, 'socket'), restored.superuser, password)
  try {
    await untilReady(ports, server, ended)
    return { server, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** TMPDIR, else /tmp. */
function parentFolder(wanted: string | undefined): string {
  return wanted?.startsWith('/') === true ? wanted : '/tmp'
}

/** @throws ToolError when a database of that size, in bytes, would find no room in a temporary server of this machine */
export async function requireTemporaryRoom(env: BackupPorts['env'], size: number): Promise<void> {
  await requireRoom(parentFolder(env['TMPDIR']), size)
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
