import type { Ingredients } from './images.ts'

/** A service as its own team would keep it: programs of others, or another style than the reference service's. */
export interface ForeignService {
  name: string
  /** What makes it unlike the reference service. */
  because: string
  /** Builds its image without a tag of its own. @returns what to push */
  image: Ingredients
  /** Of the version that does not work, where the files of the repository alone do not make it so. */
  faultyImage?: Ingredients
  /** Of a container beside it that its releases do not build; manifests name it SIDECAR. */
  sidecar?: Ingredients
  target: { kind: 'kubernetes'; workload: string } | { kind: 'docker'; ports: string; volumes: string[] }
  /** Answers 2xx while it is healthy. */
  health: string
  /** A path whose answer the smoke suite expects, with the status. */
  page: { path: string; status: number }
  /** A request that changes something, where only such a one shows that the service works. */
  write?: { method: 'POST'; path: string; status: number }
  /** Files of the repository by path: the version that works, and one that does not. */
  files: Record<'good' | 'faulty', (place: Place) => Record<string, string>>
  /** Writes something, and reads it back, where it keeps state. */
  state?: { write: (url: string) => Promise<void>; read: (url: string) => Promise<string>; holds: string }
}

/** Where this run of a service is. */
export interface Place {
  namespace: string
  nodePort: number
  /** A folder of the node that a volume can lie in. */
  folder: string
}
