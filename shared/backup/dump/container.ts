import { ToolError } from '../../outcome/errors.ts'
import { findOnPath } from '../../host/path.ts'
import type { PostgresServer } from '../../integrations/database/postgres-url.ts'
import { lastLine } from './child.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'

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
  const { exec, env, signal, log } = ports
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
 * @param read more files that it reads, by their absolute paths
 */
export function inContainer(
  image: string,
  program: string,
  args: string[],
  server: PostgresServer | undefined,
  env: BackupPorts['env'],
  read: string[],
): [string, string[]] {
  const { sslrootcert = '', sslcert = '', sslkey = '', host = '', via } = server ?? {}
  const files = [sslrootcert, sslcert, sslkey, via ? '' : host, ...read].filter(path => path.startsWith('/'))
  const names = Object.keys(env).filter(name => /^PG|^LC_MESSAGES$/.test(name))
  // As this user, who alone may read its key; libpq refuses a key that other users can read.
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  return [
    'docker',
    [
      'run',
      '--rm',
      '--interactive',
      // Over a socket, or with streams alone, it needs none.
      `--network=${server && (via || !host.startsWith('/')) ? 'host' : 'none'}`,
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
