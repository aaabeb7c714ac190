import type { Extension } from '../storage/keys.ts'
import type { Encryption } from '../storage/manifest.ts'

/** A stream of bytes turned into another one. */
export type Through = (source: AsyncIterable<Buffer>) => AsyncIterable<Buffer>

/** What opens a sealed object. */
export interface Opening {
  open: Through
  /** `key`: what its owner has. `session`: what the run that sealed it still knows. `none`: it is not sealed. */
  opened: 'key' | 'session' | 'none'
}

/** How an object is sealed before it is stored, and opened again by the same run. */
export interface Sealing extends Opening {
  extension: Extension
  encryption: Encryption
  seal: Through
}

/** Leaves an object as it is. */
export const unsealed: Sealing = {
  extension: '.dump.zst',
  encryption: { how: 'none' },
  opened: 'none',
  seal: source => source,
  open: source => source,
}
