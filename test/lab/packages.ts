import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { DebianPackage } from './part.ts'
import { searchPath } from './process.ts'
import { LabError } from './lab-error.ts'
import { runner, type Workshop } from './workshop.ts'

const policy = '/usr/sbin/policy-rc.d'
/** What packages ask before they start a service, with the answer no. */
const refusal = '#!/bin/sh\n# runbook-actions lab\nexit 101\n'

const isThere = (what: string) => searchPath().some(folder => existsSync(resolve(folder, what)))

/** Installs what is missing, in one go, without letting a package start a service of its own. */
export async function installMissing(
  packages: DebianPackage[],
  { say }: Pick<Workshop, 'say'>,
): Promise<void> {
  const missing = packages.filter(({ holds }) => !isThere(holds))
  if (missing.length === 0) return
  const names = [...new Set(missing.map(({ name }) => name))]
  if (!existsSync('/usr/bin/apt-get')) {
    const files = missing.map(({ holds }) => holds).join(', ')
    throw new LabError(
      `missing: ${files}`,
      `run on Debian or Ubuntu, where this installs them; or install there what your system calls ${names.join(', ')}`,
    )
  }
  // One that is there and not ours, as in Docker's own images, stays.
  const mine = !existsSync(policy) || readFileSync(policy, 'utf8') === refusal
  if (mine) writeFileSync(policy, refusal, { mode: 0o755 })
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Ctrl-C waits for apt to finish: half of an installation is worse than a minute more.
  const run = runner(new AbortController().signal)
  try {
    say('packages', `installing ${names.join(' ')}`)
    const apt = (...args: string[]) => run('setsid', ['--wait', 'apt-get', '-q', ...args], { env })
    const working = say.bind(undefined, 'packages', 'still installing')
    const timer = setInterval(working, 15_000)
    try {
      await apt('update')
      await apt('install', '-y', '--no-install-recommends', ...names)
    } finally {
      clearInterval(timer)
    }
  } catch (cause) {
    const detail = cause instanceof LabError ? cause.hint : ''
    throw new LabError(
      `could not install ${names.join(' ')}`,
      `${detail}\ninstall them by hand (apt-get install ${names.join(' ')}), or fix apt's sources and try again`,
      { cause },
    )
  } finally {
    if (mine) rmSync(policy, { force: true })
  }
}
