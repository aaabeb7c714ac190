import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InputError, ToolError } from '../../../outcome/errors.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import { askGit } from './git.ts'
import { installDependencies } from './install.ts'
import { sourceOf, type Context } from '../places.ts'
import type { ProcessPayload } from '../payload.ts'
import { planProject, type Files, type Project } from './project.ts'
import { runTool } from './run-tool.ts'
import { findLacks } from './self-contained.ts'
import { listFiles, type SourceFile } from './source-files.ts'

/**
 * What a release of this version would be made of. When the version is a tag of the repository, its commit
 * (`git:<commit>`): that is what is exported then, whatever the working tree looks like. Else the working tree as it is,
 * by the hash of its files (`content:<sha256>`), see `listFiles`.
 */
export async function pinSource(context: Context, version: string): Promise<string> {
  const commit = await askGit(context, ['rev-parse', '--verify', '--quiet', `refs/tags/${version}^{commit}`])
  if (commit !== '') return `git:${commit}`
  sourceFolder(context)
  const { exported } = await planProject(await treeFiles(context), sourceOf(context.spec))
  return digestOf(await listFiles(context, join(context.environment.root, exported)))
}

/**
 * How a release is made of what `pinSource` named.
 * @throws InputError when it would need something that is not in the repository, or is not locked
 */
export async function planSource(context: Context, source: string): Promise<Project> {
  const files = source.startsWith('git:')
    ? await commitFiles(context, source.slice(4))
    : await treeFiles(context)
  return planProject(files, sourceOf(context.spec))
}

async function treeFiles(context: Context): Promise<Files> {
  const { root } = context.environment
  const names = new Set((await listFiles(context, root)).map(({ name }) => name))
  const read = (path: string) => (names.has(path) ? readFileSync(join(root, path), 'utf8') : undefined)
  return { has: path => names.has(path), read: path => Promise.resolve(read(path)) }
}

async function commitFiles(context: Context, commit: string): Promise<Files> {
  const listing = await askGit(context, ['ls-tree', '-r', '-z', '--name-only', commit])
  const names = new Set(listing.split('\0'))
  return {
    has: path => names.has(path),
    read: async path => (names.has(path) ? askGit(context, ['show', `${commit}:${path}`]) : undefined),
  }
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
 * @throws ToolError when the source of it is gone, its dependencies cannot be installed, or it would need something that
 * is not in its folder
 */
export async function makeRelease(
  context: Context,
  id: ReleaseId,
  { body }: ProcessPayload,
  making: Making,
): Promise<void> {
  const { places } = context
  if (existsSync(places.release(id))) return
  const folder = places.unfinished(id)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  try {
    if (body.source.startsWith('git:')) await exportCommit(context, body.source.slice(4), body.path, folder)
    else await copyTree(context, body, folder, making)
    if (body.install) await installDependencies(context, body.install, folder)
    requireAll(context, body, folder)
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    rmSync(archiveOf(folder), { force: true })
    throw error
  }
  renameSync(folder, places.release(id))
}

/** The archive from which the folder of a release is unpacked. */
function archiveOf(folder: string): string {
  return `${folder}.tar`
}

function requireAll(
  { places }: Context,
  { version, within, start }: ProcessPayload['body'],
  folder: string,
): void {
  const lacks = findLacks(folder, within, start)
  const [first] = lacks
  if (first === undefined) return
  const named = [...new Set(lacks.map(({ what }) => what))].join(', ')
  throw new ToolError(
    `${version} needs ${named} (${first.by}), and its own folder does not have it: it would run with what ${places.folder} finds above it, or not at all`,
    {
      tool: 'Node',
      reason: 'release-not-made',
      stderr: lacks.map(({ what, by }) => `${what}, needed by ${by}`).join('\n'),
      hint: `Add ${named} to the dependencies of the package that loads it, update the lock file, and deploy again.`,
    },
  )
}

/** @throws InputError when the script that is to be started is not part of the source */
export async function checkStart(context: Context, { body }: ProcessPayload): Promise<void> {
  const path = join(body.path, body.within, body.start)
  const tagged = body.source.startsWith('git:')
  const there = tagged
    ? (await askGit(context, ['cat-file', '-t', `${body.source.slice(4)}:${path}`])) === 'blob'
    : await isPart(context, body.start)
  if (there) return
  const source = join(body.path, body.within)
  const ignored = existsSync(join(sourceFolder(context), body.start))
  throw new InputError(
    `start: ${body.start} is not in ${source === '.' ? 'the repository' : source} at ${body.version}`,
    {
      hint: ignored
        ? `The file is there, but not in git${tagged ? ' at that tag' : ', which ignores it'}: a release is made of what git knows. Commit it, or have it made by a script that target.start names.`
        : 'Fix target.start or target.source of this environment in the runbook.',
    },
  )
}

async function isPart(context: Context, start: string): Promise<boolean> {
  const wanted = join(start)
  return (await listFiles(context, sourceFolder(context))).some(({ name }) => name === wanted)
}

async function exportCommit(context: Context, commit: string, path: string, folder: string): Promise<void> {
  const archive = archiveOf(folder)
  const { root } = context.environment
  const tree = path === '' ? commit : `${commit}:${path}`
  await runTool(context, 'git', ['archive', '--format=tar', `--output=${archive}`, tree], root)
  await runTool(context, 'tar', ['-xf', archive, '-C', folder], root)
  rmSync(archive)
}

async function copyTree(
  context: Context,
  { source, path, version }: ProcessPayload['body'],
  folder: string,
  making: Making,
): Promise<void> {
  const files = await listFiles(context, join(context.environment.root, path))
  if (digestOf(files) !== source) throw otherTree(version, making)
  for (const { name, path: from, link } of files) {
    const copy = join(folder, name)
    mkdirSync(dirname(copy), { recursive: true })
    if (link === undefined) copyFileSync(from, copy)
    else symlinkSync(link, copy)
  }
}

function otherTree(version: string, making: Making): ToolError {
  if (making === 'first') {
    return new ToolError(`a file of the working tree was changed while ${version} was being deployed`, {
      tool: 'git',
      reason: 'release-not-made',
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
    hint: 'Fix target.source of this environment in the runbook.',
  })
}
