import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { ToolError } from '../outcome/errors.ts'
import { libpqEnvironment, type PostgresServer } from '../platform/postgres-url.ts'
import { lastError, watchExit } from './child.ts'
import { createMeter, type Digest } from './exit-guard.ts'
import { damaged, decompressFrames } from './frames.ts'
import { launch } from './launch.ts'
import type { BackupPorts } from './ports.ts'
import type { Programs } from './programs.ts'
import type { Through } from './seal.ts'

type RestorePorts = Pick<BackupPorts, 'exec' | 'env' | 'signal'>

/**
 * What belongs to a server, not to a database, and is left out: subscriptions would keep a scratch database from
 * being dropped, and tablespaces are not the same everywhere.
 */
const always = ['--exit-on-error', '--no-password', '--no-tablespaces']

/** What a stored object must be, and how it is opened. */
export interface Sealed extends Digest {
  open: Through
}

/** What is restored with owners and grants, and what without (where roles are not to be made). */
export type Ownership = 'kept' | 'dropped'

/**
 * Streams a stored dump into an empty database.
 * @param source the object as the store gives it
 * @param expected size and hash that it was stored with, and what opens it
 * @throws ToolError when the object is damaged, or pg_restore fails at the first error
 */
export async function restoreDump(
  ports: RestorePorts,
  programs: Programs,
  server: PostgresServer,
  source: Readable,
  expected: Sealed,
  ownership: Ownership,
): Promise<void> {
  const args = [
    `--dbname=${connectionString(server.database)}`,
    ...always,
    ...(ownership === 'dropped'
      ? ['--no-owner', '--no-privileges', '--no-comments', '--no-subscriptions', '--no-publications']
      : []),
  ]
  const env = libpqEnvironment(server, ports.env)
  await run(ports, launch(programs, 'pg_restore', args, server, env), env, source, expected)
}

/** Reads all of a stored dump and its table of contents. @throws ToolError when it is damaged */
export async function listDump(
  ports: RestorePorts,
  programs: Programs,
  source: Readable,
  expected: Sealed,
): Promise<void> {
  const { PATH, HOME, DOCKER_HOST } = ports.env
  const env = { PATH, HOME, DOCKER_HOST, LC_MESSAGES: 'C' }
  await run(ports, launch(programs, 'pg_restore', ['--list'], undefined, env), env, source, expected)
}

async function run(
  { exec, signal }: RestorePorts,
  command: [string, string[]],
  env: BackupPorts['env'],
  source: Readable,
  expected: Sealed,
): Promise<void> {
  const child = exec.start(...command, { env, signal })
  const ending = watchExit(child)
  child.stdout.resume()
  const stored = createMeter()
  try {
    await feed(decompressFrames(expected.open(stored.through(source as AsyncIterable<Buffer>))), child.stdin)
    signal.throwIfAborted()
    const found = stored.digest()
    if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) {
      throw damaged(
        `${found.bytes} bytes, SHA-256 ${found.sha256.slice(0, 12)}...; it was written with ${expected.bytes} bytes, ${expected.sha256.slice(0, 12)}...`,
      )
    }
  } catch (error) {
    child.kill()
    source.destroy()
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
    hint: hintOf(stderr),
  })
}

/** Writes all of `source` to a program that may stop reading before its end; the source is read to its end all the same. */
async function feed(source: AsyncIterable<Buffer>, sink: Writable): Promise<void> {
  let open = true
  const closed = once(sink, 'close').catch(() => undefined)
  sink.on('error', () => {
    open = false
  })
  for await (const chunk of source) {
    if (open && !sink.write(chunk)) await Promise.race([once(sink, 'drain').catch(() => undefined), closed])
    if (sink.destroyed) open = false
  }
  sink.end()
}

/** A database's name as a connection string has it: a name with an = would be taken for one itself. */
function connectionString(database: string): string {
  return `dbname='${database.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function hintOf(stderr: string): string {
  if (/role ".*" does not exist/.test(stderr)) return 'Create that role on the server first.'
  if (/could not open extension control file|extension ".*" is not available/.test(stderr))
    return 'Install that extension on the server first.'
  if (/No space left/i.test(stderr)) return 'Free space on the disk of that server.'
  if (/permission denied|must be owner|must be able to SET ROLE/.test(stderr))
    return 'Restore as a superuser, or as the owner of everything in the dump.'
  return 'Look at what pg_restore said, and at the log of the database server.'
}
