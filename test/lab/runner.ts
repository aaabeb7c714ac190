import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { findKubectl } from './kubectl.ts'
import type { Part } from './part.ts'

/** The runner that executes workflows: act, and a folder of programs to be put on PATH for what it runs. */
export const workflowRunner: Part = {
  name: 'runner',
  after: [],
  packages: () => [
    { name: 'git', holds: 'git' },
    // What reads a JUnit report without us.
    { name: 'libxml2-utils', holds: 'xmllint' },
  ],
  async up(shop) {
    const { places, programs } = shop
    const [act, kubectl] = await Promise.all([programs.build('act'), findKubectl(shop)])
    const node = process.execPath
    const binDir = join(places.state, 'bin')
    mkdirSync(binDir, { recursive: true })
    for (const [name, file] of Object.entries({ act, kubectl, node })) link(file, join(binDir, name))
    return { act, kubectl, node, binDir }
  },
}

/** A symbolic link that replaces what was there. */
function link(target: string, file: string): void {
  rmSync(file, { force: true })
  symlinkSync(target, file)
}
