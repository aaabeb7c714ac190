import { readdir, realpath } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { ToolError } from '../../outcome/errors.ts'
import { findOnPath, isProgram } from '../../host/path.ts'
import { findContainer } from './container.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from './programs.ts'

/** Where packages put an installation for each major version: Debian, Red Hat, Homebrew (two). */
const packageFolders = ['/usr/lib/postgresql', '/usr', '/opt/homebrew/opt', '/usr/local/opt']

/**
 * Finds the programs that fit a server: of its own major version, else of the nearest newer one. An older pg_dump
 * refuses a newer server; a newer one writes settings into the dump that an older server refuses at the restore. Where
 * this machine has none, they are run from a container.
 * @param image that has them, for a container; empty: the official one of the server's version
 * @throws ToolError that says what to install
 */
export async function findPrograms(
  ports: BackupPorts,
  serverMajor: number,
  image: string,
): Promise<Programs> {
  const found: Programs[] = []
  for (const folder of await candidateFolders(ports.env)) {
    const programs = await inspect(ports, folder)
    if (programs) found.push(programs)
  }
  const best = choosePrograms(found, serverMajor)
  if (best) return best
  const contained = await findContainer(ports, serverMajor, image)
  if (contained) return contained
  const seen = found.map(({ version }) => version).join(', ')
  throw new ToolError(
    `pg_dump and pg_restore ${serverMajor} or newer are needed for this server; found: ${seen || 'none'}`,
    {
      tool: 'pg_dump',
      hint: `Install postgresql-client-${serverMajor} (Debian, Ubuntu: from apt.postgresql.org where the distribution has it not), put its programs on PATH, or give this machine a Docker engine to run them in.`,
    },
  )
}

/** The nearest to the server from above; with server programs rather than without; then the newest. */
export function choosePrograms(found: Programs[], serverMajor: number): Programs | undefined {
  const rank = ({ server }: Programs) => (server ? 0 : 1)
  const newest = (a: Programs, b: Programs) => b.version.localeCompare(a.version, 'en', { numeric: true })
  return found
    .filter(({ major }) => major >= serverMajor)
    .sort((a, b) => a.major - b.major || rank(a) - rank(b) || newest(a, b))[0]
}

async function candidateFolders(env: BackupPorts['env']): Promise<Set<string>> {
  const folders = (env['PATH'] ?? '').split(delimiter).filter(folder => folder.startsWith('/'))
  for (const parent of packageFolders) {
    for (const name of await readdir(parent).catch(() => [])) {
      if (/^(\d+|pgsql-\d+|(postgresql|libpq)(@\d+)?)$/.test(name)) folders.push(join(parent, name, 'bin'))
    }
  }
  const real = new Set<string>()
  for (const folder of folders) {
    const file = await realpath(join(folder, 'pg_dump')).catch(() => undefined)
    // Debian's /usr/bin/pg_dump is a wrapper that chooses by its own rules among the very installations listed here.
    if (file?.endsWith('/pg_dump')) real.add(dirname(file))
  }
  return real
}

async function inspect({ exec, env, signal }: BackupPorts, folder: string): Promise<Programs | undefined> {
  const [pgDump, pgRestore] = [join(folder, 'pg_dump'), join(folder, 'pg_restore')]
  if (!(await isProgram(pgRestore))) return undefined
  const { code, stdout } = await exec.run(pgDump, ['--version'], { env, signal, timeoutMs: 10_000 })
  const match = /\(PostgreSQL\) ((\d+)\S*)/.exec(stdout)
  if (code !== 0 || !match) return undefined
  const [initdb, postgres] = [join(folder, 'initdb'), join(folder, 'postgres')]
  const launcher = (await findOnPath(env, 'stdbuf')) === undefined ? [] : ['stdbuf', '--output=128K']
  const server = (await isProgram(initdb)) && (await isProgram(postgres)) ? { initdb, postgres } : undefined
  return {
    major: Number(match[2]),
    version: match[1] ?? '',
    pgDump,
    launcher,
    pgRestore,
    server,
    image: undefined,
  }
}
