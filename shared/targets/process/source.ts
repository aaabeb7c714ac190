import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InputError, ToolError } from '../../outcome/errors.ts'
import type { ReleaseId } from '../../release/ledger.ts'
import { askGit } from './git.ts'
import type { Context } from './places.ts'
import type { ProcessPayload } from './payload.ts'
import { listFiles, type SourceFile } from './source-files.ts'

/** A cold `npm ci` of a big service takes a few minutes. */
const installMs = 10 * 60_000

/**
 * What a release of this version would be made of. When the version is a tag of the repository, its commit
 * (`git:<commit>`): that is what is exported then, whatever the working tree looks like. Else the working tree as it is,
 * by the hash of its files (`content:<sha256>`), see `listFiles`.
 */
export async function pinSource(context: Context, version: string): Promise<string> {
  const commit = await askGit(context, ['rev-parse', '--verify', '--quiet', `refs/tags/${version}^{commit}`])
  if (commit !== '') return `git:${commit}`
  return digestOf(await listFiles(context, sourceFolder(context)))
}

function digestOf(files: SourceFile[]): string {
  const hash = createHash('sha256')
  for (const { name, path, link } of files) {
    hash.update(`${name}\0${link ?? ''}\0`)
    if (link === undefined) hash.update(readFileSync(path))
    hash.update('\0')
  }
  return `content:${hash.digest('hex')}`
}

/** A release is made for the first time, or again because its folder is gone. */
export type Making = 'first' | 'again'

/**
 * Makes the folder of a release, with its dependencies installed. It is there whole or not at all.
 * @throws ToolError when the source of it is gone, or npm fails
 */
export async function makeRelease(
  context: Context,
  id: ReleaseId,
  { body }: ProcessPayload,
  making: Making,
): Promise<void> {
  const { places, adapters } = context
  if (existsSync(places.release(id))) return
  const folder = places.unfinished(id)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (body.source.startsWith('git:')) await exportCommit(context, body.source.slice(4), body.path, folder)
  else await copyTree(context, body, folder, making)
  if (existsSync(join(folder, 'package-lock.json'))) {
    adapters.log.info('Installing its dependencies.')
    await run(context, 'npm', ['ci', '--omit=dev', '--no-audit', '--no-fund'], folder)
  }
  renameSync(folder, places.release(id))
}

/** @throws InputError when the script that is to be started is not part of the source */
export async function checkStart(context: Context, { body }: ProcessPayload): Promise<void> {
  const path = join(body.path, body.start)
  const tagged = body.source.startsWith('git:')
  const there = tagged
    ? (await askGit(context, ['cat-file', '-t', `${body.source.slice(4)}:${path}`])) === 'blob'
    : await isPart(context, body.start)
  if (there) return
  const ignored = existsSync(join(sourceFolder(context), body.start))
  throw new InputError(`start: ${body.start} is not in ${body.path || 'the repository'} at ${body.version}`, {
    hint: ignored
      ? `The file is there, but not in git${tagged ? ' at that tag' : ', which is told to ignore it'}: a release is made of what git knows. Commit it, or have it made by a script that target.start names.`
      : 'Mend target.start or target.source of this environment in the runbook.',
  })
}

async function isPart(context: Context, start: string): Promise<boolean> {
  const wanted = join(start)
  return (await listFiles(context, sourceFolder(context))).some(({ name }) => name === wanted)
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
  making: Making,
): Promise<void> {
  const files = await listFiles(context, sourceFolder(context))
  if (digestOf(files) !== source) throw otherTree(version, making)
  for (const { name, path, link } of files) {
    const copy = join(folder, name)
    mkdirSync(dirname(copy), { recursive: true })
    if (link === undefined) copyFileSync(path, copy)
    else symlinkSync(link, copy)
  }
}

function otherTree(version: string, making: Making): ToolError {
  if (making === 'first') {
    return new ToolError(`a file of the working tree was changed while ${version} was being deployed`, {
      tool: 'git',
      reason: 'tool-failed',
      hint: `See what writes there (git status), and deploy again; of a tagged commit (git tag ${version}) the working tree does not matter.`,
    })
  }
  return new ToolError(
    `the working tree is not the one that ${version} was made of, and its folder is gone`,
    {
      tool: 'git',
      reason: 'tool-failed',
      hint: `Check that version out, or tag its commit ${version}, and deploy it again.`,
    },
  )
}

function sourceFolder({ environment, spec }: Context): string {
  const folder = join(environment.root, spec.source ?? '')
  if (existsSync(folder)) return folder
  throw new InputError(`source: ${spec.source ?? '.'} is not in the repository`, {
    hint: 'Mend target.source of this environment in the runbook.',
  })
}

async function run({ adapters }: Context, file: string, args: string[], cwd: string): Promise<void> {
  const { env, exec, signal, secrets } = adapters
  const { code, stderr } = await exec.run(file, args, { env, cwd, signal, timeoutMs: installMs })
  if (code === 0) return
  const said = secrets.redact(stderr.trim().split('\n').slice(-15).join('\n'))
  throw new ToolError(`${file} ${args[0] ?? ''} ended with code ${code}`, {
    tool: file,
    reason: 'tool-failed',
    code,
    stderr: said,
    hint: 'Mend what it says, then deploy again.',
  })
}
