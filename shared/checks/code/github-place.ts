import { isExpected } from '../../outcome/errors.ts'
import type { CheckContext } from '../check.ts'

/** The commit that is to be deployed, where GitHub knows it. */
export interface GitHubPlace {
  apiUrl: string
  /** `owner/name` */
  repository: string
  token: string
  commit: string
}

/**
 * Where GitHub can be asked about the code: in a run of GitHub Actions, or at a terminal with a token and a clone.
 * @returns why it cannot be asked, when it cannot
 */
export async function findGitHub(context: CheckContext): Promise<GitHubPlace | string> {
  const { env, run, githubToken: token } = context
  const repository = env['GITHUB_REPOSITORY'] ?? (await originOf(context))
  if (repository === '') return 'this is no clone of a repository on GitHub'
  if (token === '') return 'there is no token: set github-token, or GITHUB_TOKEN at a terminal'
  const commit = run.sha === '' ? await git(context, 'rev-parse', 'HEAD') : run.sha
  if (commit === '') return 'the commit is not known'
  return { apiUrl: env['GITHUB_API_URL'] ?? 'https://api.github.com', repository, token, commit }
}

/** Whether a run of GitHub Actions is under way: then CI is where tests are run. */
export function isOnGitHub({ env }: CheckContext): boolean {
  return env['GITHUB_ACTIONS'] === 'true'
}

async function originOf(context: CheckContext): Promise<string> {
  const url = await git(context, 'remote', 'get-url', 'origin')
  return /github\.com[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(url)?.[1] ?? ''
}

/** What git says, on one line; empty when it says nothing, or is not there. */
async function git({ environment, exec, env, signal }: CheckContext, ...args: string[]): Promise<string> {
  try {
    const { code, stdout } = await exec.run('git', ['-C', environment.root, ...args], { env, signal })
    return code === 0 ? stdout.trim() : ''
  } catch (error) {
    signal.throwIfAborted()
    if (isExpected(error)) return ''
    throw error
  }
}
