import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { InputError, ToolError } from '../../outcome/errors.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import type { Context } from './places.ts'
import type { ProcessPayload } from './payload.ts'

/** What is never part of a release: what is installed into it, and the repository's own history. */
const leftOut = new Set(['node_modules', '.git'])
/** A cold `npm ci` of a big service takes a few minutes. */
const installMs = 10 * 60_000

/**
 * What a release of this version would be made of. When the version is a tag of the repository, its commit
 * (`git:<commit>`): that is what is exported then, whatever the working tree looks like. Else the working tree as it is,
 * by the hash of its files (`content:<sha256>`).
 */
export async function pinSource(context: Context, version: string): Promise<string> {
  const commit =
    version === ''
      ? ''
      : await git(context, ['rev-parse', '--verify', '--quiet', `refs/tags/${version}^{commit}`])
  if (commit !== '') return `git:${commit}`
  const from = sourceFolder(context)
  const hash = createHash('sha256')
  for (const file of filesIn(from, context.places.folder)) {
    hash.update(`${relative(from, file.path)}\0${file.link ?? ''}\0`)
    if (file.link === undefined) hash.update(readFileSync(file.path))
    hash.update('\0')
  }
  return `content:${hash.digest('hex')}`
}

/**
 * Makes the folder of a release, with its dependencies installed. It is there whole or not at all.
 * @throws ToolError when the source of it is gone, or npm fails
 */
export async function makeRelease(context: Context, id: ReleaseId, { body }: ProcessPayload): Promise<void> {
  const { places, adapters } = context
  if (existsSync(places.release(id))) return
  const folder = places.unfinished(id)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (body.source.startsWith('git:')) await exportCommit(context, body.source.slice(4), body.path, folder)
  else await copyTree(context, body, folder)
  if (existsSync(join(folder, 'package-lock.json'))) {
    adapters.log.info('Installing its dependencies.')
    await run(context, 'npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], folder)
  }
  renameSync(folder, places.release(id))
}

/** @throws InputError when the script that is to be started is not part of the source */
export async function checkStart(context: Context, { body }: ProcessPayload): Promise<void> {
  const path = join(body.path, body.start)
  const there = body.source.startsWith('git:')
    ? (await git(context, ['cat-file', '-t', `${body.source.slice(4)}:${path}`])) === 'blob'
    : existsSync(join(sourceFolder(context), body.start))
  if (there) return
  throw new InputError(`start: ${body.start} is not in ${body.path || 'the repository'} at ${body.version}`, {
    hint: 'Mend target.start or target.source of this environment in the runbook.',
  })
}

async function exportCommit(context: Context, commit: string, path: string, folder: string): Promise<void> {
  const archive = `${folder}.tar`
  const { root } = context.environment
  const tree = path === '' ? commit : `${commit}:${path}`
  await run(context, 'git', ['archive', '--format=tar', `--output=${archive}`, tree], root)
  await run(context, 'tar', ['-xf', archive, '-C', folder], root)
  rmSync(archive)
}

async function copyTree(
  context: Context,
  { source, version }: ProcessPayload['body'],
  folder: string,
): Promise<void> {
  const from = sourceFolder(context)
  if ((await pinSource(context, '')) !== source) {
    throw new ToolError(
      `the working tree is not the one that ${version} was made of, and its folder is gone`,
      {
        tool: 'git',
        hint: `Check that version out, or tag its commit ${version}, and deploy it again.`,
      },
    )
  }
  cpSync(from, folder, {
    recursive: true,
    verbatimSymlinks: true,
    filter: path => !isLeftOut(path, context.places.folder),
  })
}

function sourceFolder({ environment, spec }: Context): string {
  const folder = join(environment.root, spec.source ?? '')
  if (existsSync(folder)) return folder
  throw new InputError(`source: ${spec.source ?? '.'} is not in the repository`, {
    hint: 'Mend target.source of this environment in the runbook.',
  })
}

interface SourceFile {
  path: string
  /** Where it points to, when it is a symbolic link. */
  link: string | undefined
}

function* filesIn(folder: string, releases: string): Generator<SourceFile> {
  const entries = readdirSync(folder, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name)
    if (isLeftOut(path, releases)) continue
    if (entry.isDirectory()) yield* filesIn(path, releases)
    else if (entry.isSymbolicLink()) yield { path, link: readlinkSync(path) }
    else if (entry.isFile()) yield { path, link: undefined }
  }
}

function isLeftOut(path: string, releases: string): boolean {
  return path === releases || leftOut.has(path.split('/').at(-1) ?? '')
}

/** What git says, or nothing when it says no: no repository, no such tag, no git at all. */
async function git({ environment, adapters }: Context, args: string[]): Promise<string> {
  const { env, exec, signal } = adapters
  try {
    const { code, stdout } = await exec.run('git', args, { env, cwd: environment.root, signal })
    return code === 0 ? stdout.trim() : ''
  } catch {
    signal.throwIfAborted()
    return ''
  }
}

async function run({ adapters }: Context, file: string, args: string[], cwd: string): Promise<void> {
  const { env, exec, signal, secrets } = adapters
  const { code, stderr } = await exec.run(file, args, { env, cwd, signal, timeoutMs: installMs })
  if (code === 0) return
  const said = secrets.redact(stderr.trim().split('\n').slice(-15).join('\n'))
  throw new ToolError(`${file} ${args[0] ?? ''} ended with code ${code}`, {
    tool: file,
    code,
    stderr: said,
    hint: 'Mend what it says, then deploy again.',
  })
}
