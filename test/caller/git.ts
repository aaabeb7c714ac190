import { execFileSync } from 'node:child_process'

/** Git in one folder, as a neutral author and without this machine's own configuration. */
export function git(folder: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_AUTHOR_NAME: 'org',
      GIT_AUTHOR_EMAIL: 'org@example.invalid',
      GIT_COMMITTER_NAME: 'org',
      GIT_COMMITTER_EMAIL: 'org@example.invalid',
    },
  }).trim()
}
