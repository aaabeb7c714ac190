import type { Context } from '../places.ts'

/** What git says in the repository, or nothing when it says no: no repository, no such tag, no git at all. */
export async function askGit({ environment, adapters }: Context, args: string[]): Promise<string> {
  const { env, exec, signal } = adapters
  try {
    const { code, stdout } = await exec.run('git', args, {
      env,
      cwd: environment.root,
      signal,
      keep: mostCharacters,
    })
    return code === 0 ? stdout.replace(/\n$/, '') : ''
  } catch {
    signal.throwIfAborted()
    return ''
  }
}

/** Names of some million files. */
const mostCharacters = 256 * 1024 * 1024
