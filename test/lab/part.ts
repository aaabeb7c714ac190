import type { LabParts } from './lab.ts'
import type { Places } from './places.ts'
import type { Workshop } from './workshop.ts'

/** A Debian package, and what is there when it is installed, wherever it came from: a path, or a program on PATH. */
export interface DebianPackage {
  name: string
  holds: string
}

/** One real thing of the lab. */
export interface Part {
  /** What progress lines and errors call it; its daemons are called `name/...`. */
  name: string
  /** The parts that must be up first. */
  after: string[]
  /** Throws when the machine has only one of what it needs, and another lab has that. Before anything is touched. */
  refuse?(places: Places): void
  /** What it needs of the system; nothing for what it finds running. */
  packages: () => DebianPackage[] | Promise<DebianPackage[]>
  /** Starts what does not run yet, waits until it works, and says how it is reached. Quick when it is up already. */
  up(shop: Workshop): Promise<Partial<LabParts>>
  /** Takes away what remains when its daemons have ended. Must do no harm when there is nothing. */
  clean?(shop: Workshop): Promise<void>
}
