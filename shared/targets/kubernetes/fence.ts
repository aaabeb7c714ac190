import type { Clock } from '../../platform/clock.ts'
import type { Client } from './client.ts'
import type { KubeObject, ManagedFields } from './objects.ts'
import type { Paths } from './resources.ts'

/** One write to an object; several of one object are made in their order, each upon the other. */
export type Write =
  | { type: 'apply'; object: KubeObject; force: boolean }
  /** Who owns which field, and nothing else. */
  | { type: 'own'; managedFields: ManagedFields[] }
  | { type: 'delete' }

/** What is to be done about one object. */
export interface Work {
  object: KubeObject
  /** Decides from the object as it is now. Asked again when it changed meanwhile. */
  plan(live: KubeObject | undefined): Write[]
}

/** What was done: undefined stands for an object that is not there. */
export interface Done {
  object: KubeObject
  before: KubeObject | undefined
  after: KubeObject | undefined
}

export interface Fence {
  client: Client
  paths: Paths
  clock: Clock
  signal: AbortSignal
  /** Reads the lease again and throws a LeaseLostError when it is somebody else's. */
  check(): Promise<void>
}
