import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { InputError } from '../../../outcome/errors.ts'
import { findOnPath } from '../../../host/path.ts'
import { installVariables } from './install-variables.ts'
import { installerOf, type Manager } from './lock-files.ts'
import type { Context } from '../places.ts'
import type { Install } from './project.ts'
import { runTool } from './run-tool.ts'

/** Installs from the lock file, inside the folder of a release. @throws ToolError when that fails */
export async function installDependencies(
  context: Context,
  install: Install,
  release: string,
): Promise<void> {
  const { program, args, env } = installerOf(install.lock.manager, install.pnpmWorkspace)
  context.adapters.log.info(`Installing its dependencies: ${program} ${args.join(' ')}.`)
  const folder = join(release, install.folder)
  const login = installVariables([release, folder], context.adapters.env, context.spec['install-variables'])
  await runTool(context, program, args, folder, { ...login, ...env })
}

/** Asking a program for its version takes a part of a second; yarn may load a project's own first. */
const versionMs = 30_000

/**
 * Whether this machine can install from a lock file.
 * @param path of the lock file inside the repository, for the error
 * @throws InputError when the program is missing, or is another generation than the lock file's
 */
export async function checkInstaller(context: Context, { lock }: Install, path: string): Promise<void> {
  const { program, remedy } = installerOf(lock.manager, false)
  const { env, exec, signal } = context.adapters
  if ((await findOnPath(env, program)) === undefined)
    throw new InputError(
      `source: ${path} needs ${program}, which is not on PATH of this machine; accepted: a lock file whose program is installed`,
      { hint: `${remedy}, or commit the lock file of a program that is.` },
    )
  const wanted = generationOf(lock.manager)
  if (wanted === undefined) return
  // A project may have a yarn of its own, which the one on PATH hands over to.
  const { root } = context.environment
  const beside = dirname(join(root, path))
  const options = { env, cwd: existsSync(beside) ? beside : root, signal, timeoutMs: versionMs }
  const { code, stdout } = await exec.run(program, ['--version'], options)
  const found = /^\d+/.exec(stdout.trim())?.[0]
  if (code !== 0 || found === undefined || (wanted === 'classic') === (found === '1')) return
  throw new InputError(
    `source: ${path} is of yarn ${wanted === 'classic' ? '1' : '2 or newer'}, and this machine has yarn ${stdout.trim()}`,
    { hint: `${remedy}.` },
  )
}

function generationOf(manager: Manager): 'classic' | 'berry' | undefined {
  if (manager === 'yarn-classic') return 'classic'
  return manager === 'yarn-berry' ? 'berry' : undefined
}
