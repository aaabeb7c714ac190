import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { placesOf } from '../../lab/places.ts'

/** The programs that a release may be installed with, in the versions that the tests run. */
const versions = {
  'yarn-classic': 'yarn@1.22.22',
  'yarn-berry': '@yarnpkg/cli-dist@4.18.1',
  pnpm: 'pnpm@10.34.9',
  bun: 'bun@1.3.14',
}

export type Manager = keyof typeof versions

/** Installs one of them once into the cache. @returns the folder to put on PATH, which holds that program alone */
export function installManager(manager: Manager): string {
  const folder = join(placesOf(process.env).cache, versions[manager].replaceAll('/', '-'))
  const bin = join(folder, 'bin')
  if (existsSync(bin)) return bin
  mkdirSync(folder, { recursive: true })
  const options = ['--prefix', folder, '--no-audit', '--no-fund', '--no-save']
  execFileSync('npm', ['install', ...options, versions[manager]], { stdio: 'pipe', timeout: 180_000 })
  if (manager === 'bun')
    execFileSync(process.execPath, [join(folder, 'node_modules/bun/install.js')], { stdio: 'pipe' })
  const programs: Record<Manager, [name: string, file: string]> = {
    'yarn-classic': ['yarn', 'yarn/bin/yarn.js'],
    'yarn-berry': ['yarn', '@yarnpkg/cli-dist/bin/yarn.js'],
    pnpm: ['pnpm', 'pnpm/bin/pnpm.cjs'],
    bun: ['bun', 'bun/bin/bun.exe'],
  }
  const [name, file] = programs[manager]
  mkdirSync(bin)
  symlinkSync(join(folder, 'node_modules', file), join(bin, name))
  return bin
}
