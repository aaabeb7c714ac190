import { existsSync, rmSync, writeFileSync } from 'node:fs'
import type { DebianPackage } from './part.ts'
import { LabError, type Workshop } from './workshop.ts'

const policy = '/usr/sbin/policy-rc.d'

/** Installs what is missing, in one go, without letting a package start a service of its own. */
export async function installMissing(packages: DebianPackage[], { run, say }: Workshop): Promise<void> {
  const missing = packages.filter(({ file }) => !existsSync(file))
  if (missing.length === 0) return
  const names = [...new Set(missing.map(({ name }) => name))]
  if (!existsSync('/usr/bin/apt-get')) {
    const files = missing.map(({ file }) => file).join(', ')
    throw new LabError(
      `missing: ${files}`,
      `run on Debian or Ubuntu, where this installs them; or install there what your system calls ${names.join(', ')}`,
    )
  }
  const guard = existsSync(policy) ? undefined : policy
  if (guard !== undefined) writeFileSync(guard, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  try {
    say('packages', `installing ${names.join(' ')}`)
    await run('apt-get', ['update', '-q'], { env })
    await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...names], { env })
  } catch (cause) {
    const detail = cause instanceof LabError ? cause.hint : ''
    throw new LabError(
      `could not install ${names.join(' ')}`,
      `${detail}\ninstall them by hand (apt-get install ${names.join(' ')}), or mend apt's sources and try again`,
      { cause },
    )
  } finally {
    if (guard !== undefined) rmSync(guard, { force: true })
  }
}
