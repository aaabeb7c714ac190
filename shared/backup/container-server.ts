import { randomBytes } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { ToolError } from '../outcome/errors.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { lastLine, watchExit } from './child.ts'
import type { BackupPorts } from './ports.ts'
import {
  requireRoom,
  serverSettings,
  untilReady,
  type Restored,
  type TemporaryServer,
} from './temporary-server.ts'

/**
 * Makes a server in the container, and waits for it. It ends with its standard input, so that none stays when we are
 * killed. Arguments: its superuser, then its settings.
 */
const serverScript = `
umask 077
exec 3<&0
folder=$(mktemp -d) || exit 1
printf %s "$RUNBOOK_PASSWORD" > "$folder/password"
initdb --pgdata="$folder/data" --username="$1" --pwfile="$folder/password" --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync > /dev/null || exit 1
echo 'host all all all scram-sha-256' >> "$folder/data/pg_hba.conf"
shift
postgres -D "$folder/data" "$@" < /dev/null &
server=$!
(cat <&3 > /dev/null; kill -QUIT "$server") &
wait "$server"
`

/** Starts a server for one restore in a container; only this machine reaches it, with a password that nobody knows. */
export async function startContainerServer(
  ports: BackupPorts,
  image: string,
  restored: Restored,
): Promise<TemporaryServer> {
  const { exec, env, signal } = ports
  const { size, superuser } = restored
  const root = await exec.run('docker', ['info', '--format', '{{.DockerRootDir}}'], { env, signal })
  const folder = root.stdout.trim()
  if (await statfs(folder).catch(() => undefined)) await requireRoom(folder, size)
  const [name, password] = [
    `runbook-verify-${randomBytes(6).toString('hex')}`,
    randomBytes(18).toString('base64url'),
  ]
  const settings = { ...serverSettings(restored), listen_addresses: '*', unix_socket_directories: '/tmp' }
  const child = exec.start(
    'docker',
    [
      ...['run', '--rm', '--interactive', `--name=${name}`, '--user=postgres', '--cap-drop=ALL'],
      ...['--log-driver=none', '--shm-size=512m', '--publish=127.0.0.1::5432', '--env=RUNBOOK_PASSWORD'],
      ...['--entrypoint=sh', image, '-c', serverScript, 'sh', superuser],
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    { env: { ...env, RUNBOOK_PASSWORD: password } },
  )
  child.stdin.on('error', () => undefined)
  child.stdout.resume()
  const ended = watchExit(child)
  const stop = async () => {
    child.stdin.end()
    await ended
  }
  try {
    const port = await publishedPort(ports, name, ended)
    const server: PostgresServer = {
      ...{ host: '127.0.0.1', port, user: superuser, password, database: 'postgres' },
      ...{ sslmode: 'disable', sslrootcert: '', sslcert: '', sslkey: '', options: '' },
      ...{ connectTimeoutMs: 10_000, via: undefined },
    }
    await untilReady(ports, server, ended)
    return { server, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function publishedPort(
  { exec, env, signal, clock }: BackupPorts,
  name: string,
  ended: ReturnType<typeof watchExit>,
): Promise<number> {
  let gone: string | undefined
  void ended.then(({ stderr }) => (gone = stderr))
  for (const giveUp = clock.elapsed() + 60_000; clock.elapsed() < giveUp;) {
    const { code, stdout } = await exec.run('docker', ['port', name, '5432/tcp'], { env, signal })
    const port = /:(\d+)\s*$/m.exec(stdout)?.[1]
    if (code === 0 && port !== undefined) return Number(port)
    if (gone !== undefined) break
    await clock.sleep(100, signal)
  }
  throw new ToolError(`The container for the temporary server did not start: ${lastLine(gone ?? '')}`, {
    tool: 'docker',
    stderr: gone ?? '',
    hint: 'Look at what Docker said, or name a server to restore into with verify-url.',
  })
}
