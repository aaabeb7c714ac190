import type { Clock } from '../../../host/clock.ts'
import type { ApiError } from '../api/api-error.ts'
import type { Client } from '../api/client.ts'
import type { KubeObject, ManagedFields } from '../manifests/objects.ts'
import type { Paths } from '../api/resources.ts'

/** One write to an object; several of one object are made in their order, each upon the other. */
export type Write =
  | { type: 'apply'; object: KubeObject; force: boolean }
  /** Who owns which field, and nothing else. */
  | { type: 'own'; managedFields: ManagedFields[] }
  | { type: 'delete' }
  /** It is deleted and created again, since the API server does not take the change. */
  | { type: 'replace'; object: KubeObject }

/** What is to be done about one object. */
export interface Work {
  object: KubeObject
  /** Decides from the object as it is now. Asked again when it changed meanwhile. */
  plan(live: KubeObject | undefined): Write[]
  /** Whether an object whose change is refused may be deleted and created again as planned. By default it may not. */
  mayReplace?(error: ApiError, live: KubeObject): Promise<boolean>
}

/** What was done: undefined stands for an object that is not there. */
export interface Done {
  object: KubeObject
  before: KubeObject | undefined
  after: KubeObject | undefined
  /** It was deleted and created again. */
  replaced: boolean
}

export interface Fence {
  client: Client
  paths: Paths
  clock: Clock
  signal: AbortSignal
  /** Receives what a person who waits would want to know. */
  tell: (line: string) => void
  /** Reads the lease again and throws a LeaseLostError when another run has it. */
  check(): Promise<void>
}
