import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ToolError } from '../../outcome/errors.ts'
import { libpqEnvironment, type PostgresServer } from '../../integrations/database/postgres-url.ts'
import { feed, openArchive, readList, type Archive, type ArchivePorts, type Sealed } from '../dump/archive.ts'
import { selectEntries, type Dumped, type LeftOut, type Selection } from '../dump/archive-entries.ts'
import { lastError, watchExit } from '../dump/child.ts'
import type { Copy } from './copy.ts'
import { launch } from '../dump/launch.ts'
import type { BackupPorts } from '../ports.ts'
import type { Programs } from '../dump/programs.ts'

/** Tablespaces belong to a server, not to a database, and are not the same everywhere. */
const always = ['--exit-on-error', '--no-password', '--no-tablespaces']

/** A copy belongs to the one role that fills it. */
const withoutRoles = ['--no-owner', '--no-privileges', '--no-comments']

/** The empty database that is filled. */
export type RestoreTarget =
  | ({ into: 'temporary-server' | 'scratch-database' } & Pick<Copy, 'server' | 'creatable' | 'prepare'>)
  | { into: 'live-server'; server: PostgresServer }

/**
 * Streams a stored dump into an empty database. What would act beyond that database is left out (`selectEntries`).
 * @param source the object as the store gives it
 * @param expected size and hash that it was stored with, and what opens it
 * @param dumped the database that was dumped
 * @returns what was left out
 * @throws ToolError when the object is damaged, or pg_restore fails at the first error
 */
export async function restoreDump(
  ports: ArchivePorts,
  programs: Programs,
  target: RestoreTarget,
  source: Readable,
  expected: Sealed,
  dumped: Dumped,
): Promise<LeftOut[]> {
  const { server, into } = target
  const { list, archive } = await readList(ports, programs, openArchive(source, expected))
  const isCopy = target.into !== 'live-server'
  const selection = selectEntries(list, into, dumped, isCopy ? target.creatable : new Set())
  if (isCopy) await target.prepare(selection.extensions)
  const env = libpqEnvironment(server, ports.env)
  await withListFile(ports.env, selection, async file => {
    const args = [
      `--dbname=${connectionString(server.database)}`,
      ...always,
      ...(isCopy ? withoutRoles : []),
      ...(file === undefined ? [] : [`--use-list=${file}`]),
    ]
    const files = file === undefined ? [] : [file]
    const command = launch(programs, 'pg_restore', args, server, env, files)
    await run(ports, command, env, archive, isCopy ? copyHint : liveHint)
  }).finally(() => {
    archive.destroy()
  })
  return selection.leftOut
}

/** Reads all of a stored dump and its table of contents. @throws ToolError when it is damaged */
export async function listDump(
  ports: ArchivePorts,
  programs: Programs,
  source: Readable,
  expected: Sealed,
): Promise<void> {
  const { archive } = await readList(ports, programs, openArchive(source, expected))
  for await (const _chunk of archive.chunks) ports.signal.throwIfAborted()
}

/** For `pg_restore --use-list`, which takes no list from elsewhere. A folder that a killed run leaves is removed like its servers. */
async function withListFile(
  env: BackupPorts['env'],
  { list }: Selection,
  work: (file: string | undefined) => Promise<void>,
): Promise<void> {
  if (list === undefined) return work(undefined)
  const folder = await mkdtemp(join(env['TMPDIR'] ?? tmpdir(), 'runbook-verify-list-'))
  try {
    const file = join(folder, 'list')
    await writeFile(file, list, { mode: 0o600 })
    await work(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function run(
  { exec, signal }: ArchivePorts,
  command: [string, string[]],
  env: BackupPorts['env'],
  archive: Archive,
  onDenied: string,
): Promise<void> {
  const child = exec.start(...command, { env, signal })
  const ending = watchExit(child)
  child.stdout.resume()
  try {
    await feed(archive.chunks, child.stdin)
    signal.throwIfAborted()
  } catch (error) {
    child.kill()
    signal.throwIfAborted()
    throw error
  }
  const { code, stderr } = await ending
  signal.throwIfAborted()
  if (code === 0) return
  throw new ToolError(`pg_restore ended with exit code ${code}: ${lastError(stderr)}`, {
    tool: 'pg_restore',
    code,
    stderr,
    hint: hintOf(stderr, onDenied),
  })
}

/** A database's name as a connection string has it: a name with an = would be taken for one itself. */
function connectionString(database: string): string {
  return `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

const liveHint = 'Restore as a superuser, or as the owner of everything in the dump.'
const copyHint =
  'A copy is restored without the rights of a superuser, so that code of the dump cannot reach the server. Look at what the message names: if a table, view or index calls a function that takes those rights, change it; if the backup is of an earlier version, take a new one.'

/** @param onDenied what is to be done where a right was missing */
function hintOf(stderr: string, onDenied: string): string {
  if (/role ".*" does not exist/.test(stderr)) return 'Create that role on the server first.'
  if (/could not open extension control file|extension ".*" is not available/.test(stderr))
    return 'Install that extension on the server first.'
  if (stderr.includes('could not access file'))
    return 'A function of the database is in that library: install it on the server that is restored into, under the same name.'
  if (/No space left/i.test(stderr)) return 'Free space on the disk of that server.'
  if (/could not create locale|could not open collator/.test(stderr))
    return 'Install that locale on the machine of the server that is restored into.'
  if (/permission denied to (create|change owner of) (event trigger|foreign-data wrapper)/.test(stderr))
    return 'Only a superuser may create or own it: restore as a superuser, and make its owner one.'
  if (stderr.includes('security label provider'))
    return 'Load the library of that provider on the server first (shared_preload_libraries).'
  if (/permission denied|must be (owner|superuser)|must be able to SET ROLE/.test(stderr)) return onDenied
  return 'Look at what pg_restore said, and at the log of the database server.'
}
