import { randomBytes } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import { ToolError } from '../outcome/errors.ts'
import type { PostgresServer } from '../platform/postgres-url.ts'
import { lastLine, watchExit } from './child.ts'
import type { DatabaseFacts } from './manifest.ts'
import type { BackupPorts } from './ports.ts'
import { findOnPath, type Programs } from './programs.ts'
import { requireRoom, serverSettings, untilReady, type TemporaryServer } from './temporary-server.ts'

/** An image is a few hundred MB; a registry that is slow may take minutes. */
const pullWithinMs = 300_000

/**
 * PostgreSQL's programs in a container of the Docker engine of this machine, for where they are not installed, or too
 * old. An engine elsewhere would neither see this machine's network nor its files.
 * @param image empty: the official one of that version
 * @returns undefined where there is no Docker
 * @throws ToolError when there is, and the image cannot be had
 */
export async function findContainer(
  ports: BackupPorts,
  major: number,
  image: string,
): Promise<Programs | undefined> {
  const { env, exec, signal, log } = ports
  const host = env['DOCKER_HOST'] ?? ''
  if (host !== '' && !host.startsWith('unix://')) return undefined
  if (!(await hasDocker(ports))) return undefined
  const name = image === '' ? `postgres:${major}` : image
  const docker = (args: string[], timeoutMs: number) => exec.run('docker', args, { env, signal, timeoutMs })
  if ((await docker(['image', 'inspect', '--format', '{{.Id}}', name], 30_000)).code !== 0) {
    log.info(`Fetching the image ${name}: this machine has no PostgreSQL programs of version ${major}.`)
    const pulled = await docker(['pull', '--quiet', name], pullWithinMs)
    if (pulled.code !== 0) throw imageError(name, lastLine(pulled.stderr))
  }
  const asked = await docker(
    ['run', '--rm', '--network=none', '--entrypoint=pg_dump', name, '--version'],
    60_000,
  )
  const match = /\(PostgreSQL\) ((\d+)\S*)/.exec(asked.stdout)
  if (!match) throw imageError(name, lastLine(asked.stderr) || 'it has no pg_dump')
  if (Number(match[2]) < major)
    throw imageError(name, `its pg_dump is ${match[1] ?? ''}, older than the server (${major})`)
  return {
    major: Number(match[2]),
    version: match[1] ?? '',
    pgDump: 'pg_dump',
    launcher: [],
    pgRestore: 'pg_restore',
    server: undefined,
    image: name,
  }
}

/**
 * How one of the programs is started in a container that is gone when it ends. Secrets go by the environment's names
 * alone: what they are, Docker takes from its own.
 * @param env that the program is to have; its PG* variables are handed on
 */
export function inContainer(
  image: string,
  program: string,
  args: string[],
  server: PostgresServer | undefined,
  env: BackupPorts['env'],
): [string, string[]] {
  const { sslrootcert = '', sslcert = '', sslkey = '', host = '', via } = server ?? {}
  const files = [sslrootcert, sslcert, sslkey, via ? '' : host].filter(path => path.startsWith('/'))
  const names = Object.keys(env).filter(name => /^PG|^LC_MESSAGES$/.test(name))
  // As this user, who alone may read its key; a key of everybody's is refused by libpq.
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  return [
    'docker',
    [
      'run',
      '--rm',
      '--interactive',
      '--network=host',
      '--log-driver=none',
      '--cap-drop=ALL',
      `--user=${uid}:${gid}`,
      ...files.flatMap(path => ['--mount', `type=bind,source=${path},target=${path},readonly`]),
      ...names.flatMap(name => ['--env', name]),
      `--entrypoint=${program}`,
      image,
      ...args,
    ],
  ]
}

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
  { size, superuser }: Pick<DatabaseFacts, 'size' | 'superuser'>,
): Promise<TemporaryServer> {
  const { exec, env, signal } = ports
  const root = await exec.run('docker', ['info', '--format', '{{.DockerRootDir}}'], { env, signal })
  const folder = root.stdout.trim()
  if (await statfs(folder).catch(() => undefined)) await requireRoom(folder, size)
  const [name, password] = [
    `runbook-verify-${randomBytes(6).toString('hex')}`,
    randomBytes(18).toString('base64url'),
  ]
  const settings = { ...serverSettings, listen_addresses: '*', unix_socket_directories: '/tmp' }
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

async function hasDocker({ env, exec, signal }: BackupPorts): Promise<boolean> {
  if ((await findOnPath(env, 'docker')) === undefined) return false
  const asked = await exec.run('docker', ['version', '--format', '{{.Server.Version}}'], {
    env,
    signal,
    timeoutMs: 20_000,
  })
  return asked.code === 0
}

function imageError(image: string, why: string): ToolError {
  return new ToolError(`The image ${image} cannot be used for PostgreSQL's programs: ${why}`, {
    tool: 'docker',
    hint: "Install PostgreSQL's programs on this machine, or name an image that has them with backup.postgres-image of the runbook.",
  })
}
