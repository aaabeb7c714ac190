import type { Evidence } from '../outcome/outcome.ts'
import type { Holder, Lease } from '../release/lease.ts'
import type { Entry, Ledger, ReleaseId } from '../release/ledger.ts'
import type { Live } from '../release/settle.ts'

/** What is asked to be released: the same for every kind of target. */
export interface ReleaseRequest {
  version: string
  /** `registry/repository@sha256:...`; for a process target the source directory's commit. */
  image: string
  /** The env-file's values: secrets. Empty when the environment has none. */
  config: Record<string, string>
}

/**
 * The exact thing that a release is on its target: manifests, or a container's or process's specification, with their
 * configuration. Only its own target looks inside. It holds secrets and is never logged.
 */
export interface Payload {
  kind: string
  /** One line an object: `Deployment production/runbook-api`. */
  objects: string[]
  body: unknown
}

/** One object that was, or would be, changed. */
export interface Change {
  /** `Deployment production/runbook-api` */
  object: string
  action: 'create' | 'update' | 'delete' | 'none'
  /** What changed, as text that people can read, without secrets. */
  diff?: string
}

/** What became of a rollout. */
export type Rollout =
  | { kind: 'ready' }
  /** It cannot become ready by waiting. */
  | { kind: 'doomed'; cause: Cause }
  | { kind: 'deadline'; cause: Cause }

/** Why a rollout does not become ready. */
export interface Cause {
  /** A stable kebab-case class: `crash-loop`, `image-missing`, `config-missing`, `not-ready`, ... */
  class: string
  /** One sentence, with the object and container it is about. */
  message: string
  /** First failing container, its exit code, log tail, events. Without secrets. */
  evidence: Evidence[]
}

/** What the target can say of the room that a release needs. */
export interface Capacity {
  enough: boolean
  /** One line: what is free, what is needed, of what. */
  finding: string
  remedy: string
}

export interface FollowOptions {
  /** Milliseconds from now. */
  timeoutMs: number
  signal: AbortSignal
  /** Told of each change that a person who waits would want to see. */
  onProgress(line: string): void
}

/** Where an environment runs. Reads need no lease; changes need a `Tenure`. */
export interface Target {
  /** For people: `namespace production of https://10.0.0.1:6443`. */
  readonly place: string
  /** The ledger, and the lease if somebody holds it. An environment without any has an empty ledger. */
  read(): Promise<{ ledger: Ledger; lease: Lease | null }>
  live(): Promise<Live>
  /**
   * What a release would be made of, exactly: `repository@sha256:...`, the id of an image that only this target has, or
   * the commit of a process target's source. Changes nothing.
   */
  pin(asked: { version: string; image: string }): Promise<string>
  /** Makes the exact thing to be released out of a request. Changes nothing. Throws an InputError for bad manifests. */
  render(request: ReleaseRequest): Promise<Payload>
  /** Asks the target to try the payload without changing anything: what would change, or the refusal as a ToolError. */
  rehearse(payload: Payload): Promise<Change[]>
  capacity(payload: Payload): Promise<Capacity>
  /** The recorded payload of a settled release, or undefined when the record is gone: what a rollback would restore. */
  recall(id: ReleaseId): Promise<Payload | undefined>
  /** The end of the service's own log, newest last. */
  logs(lines: number): Promise<string>
  /** One attempt to get, or go on with, the lease. `held` when somebody else has it. */
  take(holder: Holder, deadlineMs: number): Promise<Tenure | { held: Lease }>
  close(): Promise<void>
}

/**
 * The right to change an environment, fenced: once somebody took over, every call throws LeaseLostError.
 * `renew` is called every 10 s while other calls are under way: writes to the lease are serialised by the tenure.
 */
export interface Tenure {
  readonly epoch: number
  /** The ledger as this tenure last read or wrote it. */
  readonly ledger: Ledger
  /** Writes the ledger, by compare-and-swap together with the lease. */
  update(change: (ledger: Ledger) => Ledger): Promise<Ledger>
  /** What a foreign tool had deployed, when the ledger is empty and a workload is there. */
  adopt(): Promise<{ version: string; image: string; payload: Payload } | undefined>
  /** Keeps the payload of a release, for ever the same. */
  store(id: ReleaseId, payload: Payload): Promise<void>
  /** Drops the records of releases that the ledger has forgotten. */
  forget(retired: Entry[]): Promise<void>
  apply(id: ReleaseId, payload: Payload): Promise<Change[]>
  follow(id: ReleaseId, payload: Payload, options: FollowOptions): Promise<Rollout>
  /**
   * Brings a release back whole (DESIGN section 4, "Restored"): recorded fields have their recorded values, and what the
   * withdrawn release added is gone.
   */
  restore(good: ReleaseId, payload: Payload, withdrawn: Payload | undefined): Promise<Change[]>
  /** Renews the lease: somebody else may take it over this many milliseconds from now. */
  renew(deadlineMs: number): Promise<void>
  /** Gives the lease back. */
  end(): Promise<void>
}
