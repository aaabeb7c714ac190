import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './measurement.ts'

const tree = join(import.meta.dirname, '../../build/tree')
const most = 6 * 1024 * 1024

/** Bytes of the published tree: what every job of every user downloads. */
export const size: Bench = {
  name: 'size',
  run() {
    const bytes = readdirSync(tree, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
    return Promise.resolve([
      {
        name: 'published tree',
        value: Math.round((bytes / 1024 / 1024) * 100) / 100,
        unit: 'MiB',
        versus: 'six bundles of their own: about 19 MiB',
        aim: 'at most 6 MiB',
        met: bytes <= most,
        at: new Date().toISOString(),
        note: '',
      },
    ])
  },
}
