/** The programs that install from a lock file; yarn's two generations have nothing but the name in common. */
export type Manager = 'npm' | 'yarn-classic' | 'yarn-berry' | 'pnpm' | 'bun'

/** A lock file and what installs from it. */
export interface LockFile {
  name: string
  manager: Manager
}

/** How one program is called. */
export interface Installer {
  /** As it is found on PATH. */
  program: string
  /** Installs what the lock file says, without changing it, and without development dependencies where it can. */
  args: string[]
  /** Variables that it is given beside those of this process. */
  env: Record<string, string>
  /** How to get the program, when it is missing. */
  remedy: string
}

/** In the order in which one is chosen when a folder has several and its package.json has no `packageManager`. */
const known: { name: string; manager: 'npm' | 'yarn' | 'pnpm' | 'bun' }[] = [
  { name: 'npm-shrinkwrap.json', manager: 'npm' },
  { name: 'package-lock.json', manager: 'npm' },
  { name: 'pnpm-lock.yaml', manager: 'pnpm' },
  { name: 'yarn.lock', manager: 'yarn' },
  { name: 'bun.lock', manager: 'bun' },
  { name: 'bun.lockb', manager: 'bun' },
]

/** Names of every lock file that a release can be installed from. */
export const lockFileNames = known.map(({ name }) => name)

/**
 * The lock file that counts among those of one folder.
 * @param there names of the folder's lock files
 * @param packageManager what package.json says, like `pnpm@10.4.1`; empty when it says nothing
 * @param yarnLock the text of yarn.lock, which tells the generation of yarn; empty where there is none
 */
export function chooseLockFile(
  there: string[],
  packageManager: string,
  yarnLock: string,
): LockFile | undefined {
  const candidates = known.filter(({ name }) => there.includes(name))
  const named = packageManager.split('@')[0] ?? ''
  const chosen = candidates.find(({ manager }) => manager === named) ?? candidates[0]
  if (!chosen) return undefined
  const { name, manager } = chosen
  if (manager !== 'yarn') return { name, manager }
  return { name, manager: /^__metadata:/m.test(yarnLock) ? 'yarn-berry' : 'yarn-classic' }
}

/** @param workspaces whether the folder is the root of a pnpm workspace: else pnpm would look for one above the release */
export function installerOf(manager: Manager, workspaces: boolean): Installer {
  switch (manager) {
    case 'npm':
      return {
        program: 'npm',
        args: ['ci', '--omit=dev', '--no-audit', '--no-fund'],
        env: {},
        remedy: 'Install Node with npm on this machine',
      }
    case 'yarn-classic':
      return {
        program: 'yarn',
        args: ['install', '--frozen-lockfile', '--production', '--non-interactive'],
        env: {},
        remedy: 'Install yarn 1 on this machine (npm install --global yarn@1, or corepack enable)',
      }
    case 'yarn-berry':
      return {
        program: 'yarn',
        args: ['install', '--immutable'],
        // Plug'n'Play needs a loader in the start command; a folder node_modules needs none.
        env: { YARN_NODE_LINKER: 'node-modules', YARN_ENABLE_TELEMETRY: '0' },
        remedy: 'Install the yarn of the project on this machine (corepack enable, or commit it as yarnPath)',
      }
    case 'pnpm':
      return {
        program: 'pnpm',
        args: ['install', '--frozen-lockfile', '--prod', ...(workspaces ? [] : ['--ignore-workspace'])],
        env: { CI: 'true' },
        remedy: 'Install pnpm on this machine (npm install --global pnpm, or corepack enable)',
      }
    case 'bun':
      return {
        program: 'bun',
        args: ['install', '--frozen-lockfile', '--production'],
        env: {},
        remedy: 'Install bun on this machine (npm install --global bun)',
      }
  }
}
