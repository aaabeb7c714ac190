import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Variables } from '../../../host/child-environment.ts'

/** Variables of registries' logins, by the names that npm, pnpm and yarn document. */
const ofRegistry = /^(NODE_AUTH_TOKEN|NPM_\w+|YARN_\w+)$/

/**
 * The variables that the installation of packages gets beside what any package manager gets: those of a registry's login
 * that a configuration of npm or yarn refers to, and those that the runbook names. Install scripts see them, too.
 * @param folders whose `.npmrc`, `.yarnrc.yml` and `.yarnrc` are read
 * @param named `target.install-variables` of the runbook
 */
export function installVariables(
  folders: string[],
  env: Variables,
  named: readonly string[] = [],
): Variables {
  const files = [
    ...folders.flatMap(folder => ['.npmrc', '.yarnrc.yml', '.yarnrc'].map(name => join(folder, name))),
    env['NPM_CONFIG_USERCONFIG'] ?? env['npm_config_userconfig'] ?? join(env['HOME'] ?? '/', '.npmrc'),
  ]
  const referred = files
    .flatMap(file => [...readText(file).matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name))
    .filter(name => ofRegistry.test(name))
  return Object.fromEntries([...new Set([...referred, ...named])].map(name => [name, env[name]]))
}

/** Text of a configuration file of at most 1 MiB; empty when there is none. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(0, 2 ** 20)
  } catch {
    return ''
  }
}
