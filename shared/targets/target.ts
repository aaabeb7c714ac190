import type { Evidence } from '../outcome/outcome.ts'
import type { VerifiedIdentity } from '../release/identity.ts'
import type { Holder, Lease, Purpose } from '../release/lease.ts'
import type { Entry, Hold, Ledger, ReleaseId } from '../release/ledger.ts'
import type { Receiver } from '../release/receiver.ts'
import type { Live } from '../release/settle.ts'
import type { Vitals } from '../release/vitals.ts'

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
  /** The oldest version that can live with the database's schema once this release has migrated it, if it says so. */
  schemaNeeds?: string
  body: unknown
}

/** A state of the workload that its target keeps by itself, beside the ledger: a Kubernetes revision. */
export interface Revision {
  number: number
  image: string
  /** ISO 8601: when it was there first. */
  at: string
}

/** What a revision is, as far as it is still known. */
export type KnownRevision =
  /** One of the ledger's releases, recorded whole. */
  | { kind: 'release'; id: ReleaseId }
  /** The workload of then; everything else as it is now. */
  | { kind: 'workload'; version: string; image: string; payload: Payload }

/** One object that was, or would be, changed. */
export interface Change {
  /** `Deployment production/runbook-api` */
  object: string
  action: 'create' | 'update' | 'delete' | 'none'
  /** What changed, as text that people can read, without secrets. */
  diff?: string
  /** What is, or becomes, other than asked for, one line each: `stays at 2Gi instead of 1Gi: a claim cannot shrink`. */
  notes?: string[]
  /** It could not be changed and is as it was: why, and what is left to do. */
  refused?: { why: string; remedy: string }
}

/** What a rollback would have to do. */
export interface RollbackPlan {
  /** What this account may not do and the rollback would have to, one line each: `delete ConfigMap production/extra`. */
  lacked: string[]
  /** What would not simply be as it was, one line each. */
  notes: string[]
}

/** What becomes of fields that another manager owns: the release stops before it changes anything, or takes them. */
export type Conflicts = 'stop' | 'take'

/** What became of a rollout. */
export type Rollout =
  /** `notes`: what should be looked at although the rollout is complete. */
  | {
      kind: 'ready'
      notes?: Evidence[]
      /** How long the slowest instance of the workload took to become ready, milliseconds, where it was seen. */
      startMs?: number
    }
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

/** Something that is not as the release that serves was recorded: it was changed by hand. */
export interface Drift {
  /** `Deployment production/runbook-api` */
  object: string
  /** `spec.replicas was changed`, `is gone`; without secrets. */
  what: string
  /** What changed it, as far as the target can tell: `kubectl-edit`; else empty. */
  by: string
}

/** What became of a release's migrations. */
export type Migrated =
  | { kind: 'none' }
  | { kind: 'done'; evidence: Evidence[] }
  /** Nothing of the workload was touched. */
  | { kind: 'failed'; cause: Cause }

export interface MigrateOptions extends FollowOptions {
  /** Digests of migrations that earlier attempts at this release have completed. */
  done: string[]
  /** A migration has run to its end: written down before anything else is done. */
  onDone(digest: string): Promise<void>
}

/** What was replaced, or is ending, and may still receive traffic. */
export interface Leaving {
  /** `pod api-7c9f`; empty once only instances of what is live receive traffic. */
  instances: string[]
  /** How long such an instance may take to end, milliseconds. */
  graceMs: number
}

/** What the target can say of the room that a release needs. */
export interface Capacity {
  enough: boolean
  /** One line: what is free, what is needed, of what. */
  finding: string
  remedy: string
}

export interface FollowOptions {
  /**
   * All of a new release has to prove itself, and that it stays up; one that is brought back did so before: what serves is
   * waited for, and nothing else.
   */
  release: 'new' | 'proven'
  /** Milliseconds from now. */
  timeoutMs: number
  signal: AbortSignal
  /** How long earlier starts of the workload took, milliseconds: what takes much longer is failing. */
  usualStartMs?: number
  /** Told of each change that a person who waits would want to see. */
  onProgress(line: string): void
}

export type StopOptions = Pick<FollowOptions, 'timeoutMs' | 'signal' | 'onProgress'>

/** Why the lease cannot be had: another run has it, or an operator keeps everything away. */
export type Refused = { held: Lease } | { hold: Hold }

/** Where an environment runs. Reads need no lease; changes need an `EnvironmentLock`. */
export interface Target {
  /** For people: `namespace production of https://10.0.0.1:6443`. */
  readonly place: string
  /** The ledger, and the lease if a run holds it. An environment without any has an empty ledger. */
  read(): Promise<{ ledger: Ledger; lease: Lease | null }>
  live(): Promise<Live>
  /**
   * What receives traffic now, as the target itself shows it, most instances first: several while a rollout is under way
   * or got stuck; empty when nothing does.
   * @throws ToolError when the environment's place does not exist: a namespace
   */
  receivers(): Promise<Receiver[]>
  /**
   * What a release would be made of, exactly: `repository@sha256:...`, the id of an image that only this target has, or
   * the commit of a process target's source. Changes nothing.
   */
  pin(asked: { version: string; image: string }): Promise<string>
  /** Makes the exact thing to be released out of a request. Changes nothing. Throws an InputError for bad manifests. */
  render(request: ReleaseRequest): Promise<Payload>
  /** Asks the target to try the payload without changing anything: what would change, or the refusal as a ToolError. */
  rehearse(payload: Payload, conflicts?: Conflicts): Promise<Change[]>
  capacity(payload: Payload): Promise<Capacity>
  /**
   * Asks the target to try a restore of a recorded release upon what is there now, without changing anything.
   * @returns what would change; an object that would stay as it is says so
   * @throws ToolError when the release could not be restored
   */
  rehearseRestore(payload: Payload): Promise<Change[]>
  /** What a rollback from the second release, which is not there yet, to the first would be like. */
  planRollback(good: Payload, planned: Payload): Promise<RollbackPlan>
  /** The recorded payload of a settled release, or undefined when the record is gone: what a rollback would restore. */
  recall(id: ReleaseId): Promise<Payload | undefined>
  /** The verification that is recorded with a release, as it was given to `recordVerification`; undefined without one. */
  recallVerification(id: ReleaseId): Promise<string | undefined>
  /** What the second payload changes against the first, without secrets. Sends no request. */
  compare(before: Payload, after: Payload): Change[]
  /** Oldest first; empty where the target keeps none. */
  revisions(): Promise<Revision[]>
  /** Undefined when the target does not keep a revision of that number. */
  findRevision(number: number): Promise<KnownRevision | undefined>
  /** CPU and memory of each instance, one line each; empty where they are not measured. */
  usage(): Promise<string>
  /** Each instance of what serves, for a gate that looks again and again; empty when none is there. */
  vitals(): Promise<Vitals[]>
  /** What must be gone before a gate can judge what is live by its answers. */
  leaving(): Promise<Leaving>
  /** What differs from the release that serves. It is reported and left alone. */
  drift(): Promise<Drift[]>
  /**
   * In what that which runs is not a release that was applied and is not settled yet, beyond what `live` says: a
   * change by hand of what decides which instances answer. Asked before it is recorded good; empty where `live` says all.
   */
  deviations(id: ReleaseId): Promise<Drift[]>
  /** What `tidy` would remove; empty nearly always. */
  strays(): Promise<string[]>
  /**
   * Who acts here, as the target says: the account of its API, of SSH, of a client certificate, or of this machine.
   * Undefined where it does not say.
   */
  identity(): Promise<VerifiedIdentity | undefined>
  /** The end of the service's own log, newest last. */
  logs(lines: number): Promise<string>
  /**
   * What the target still shows of a release that is live: the log of each instance (the run before a restart too), their
   * state, what the target reported of them. Bounded, without secrets; empty when nothing of the release is there.
   */
  evidence(id: ReleaseId): Promise<Evidence[]>
  /** One attempt to get, or go on with, the lease, as `claim` decides. */
  take(holder: Holder, purpose: Purpose, deadlineMs: number): Promise<EnvironmentLock | Refused>
  /**
   * An operator's act: takes the lease from its holder, fenced, writes the ledger, and gives the lease back. When it
   * is done, nothing of an earlier holder reaches the environment any more.
   * @returns the lease that was ended, if there was one
   */
  override(holder: Holder, change: (ledger: Ledger) => Ledger): Promise<Lease | null>
  close(): Promise<void>
}

/**
 * The right to change an environment, fenced: once another run took over, every call throws LeaseLostError, or OnHoldError
 * when an operator did.
 * `renew` is called every 10 s while other calls are under way: writes to the lease are serialised by the lock.
 */
export interface EnvironmentLock {
  readonly epoch: number
  /** The ledger as this lock last read or wrote it. */
  readonly ledger: Ledger
  /** Writes the ledger, by compare-and-swap together with the lease. */
  update(change: (ledger: Ledger) => Ledger): Promise<Ledger>
  /**
   * What another tool had deployed, when the ledger is empty and a workload is there.
   * @param next the release that is about to be applied: what it changes is recorded, too
   */
  adopt(next?: Payload): Promise<{ version: string; image: string; payload: Payload } | undefined>
  /** Keeps the payload of a release, for ever the same. */
  store(id: ReleaseId, payload: Payload): Promise<void>
  /**
   * Keeps, beside the payload of a release, the verification that a rollback to it is judged by. One that is there is
   * replaced. The text is the caller's to bound and to understand.
   */
  recordVerification(id: ReleaseId, text: string): Promise<void>
  /** Drops the records of releases that the ledger has forgotten. */
  forget(retired: Entry[]): Promise<void>
  /** Runs what a release has to do to its database before it may be applied, each part once. */
  migrate(id: ReleaseId, payload: Payload, options: MigrateOptions): Promise<Migrated>
  /**
   * Makes what a release needs where it runs: its folder with its dependencies, its image. Nothing that runs is touched, so
   * that a refusal leaves nothing to undo.
   */
  prepare(id: ReleaseId, payload: Payload): Promise<void>
  apply(id: ReleaseId, payload: Payload, conflicts?: Conflicts): Promise<Change[]>
  /** Removes what a first release, which nothing precedes, has made so far. */
  retract(id: ReleaseId, payload: Payload): Promise<Change[]>
  follow(id: ReleaseId, payload: Payload, options: FollowOptions): Promise<Rollout>
  /**
   * Restores a release whole: recorded fields have their recorded values, and what the withdrawn release added is gone
   * (docs/architecture.md, "Rolling back").
   */
  restore(good: ReleaseId, payload: Payload, withdrawn: Payload | undefined): Promise<Change[]>
  /** Removes what an unsettled release has replaced and left out: the last change before it is recorded good. */
  removeReplaced(id: ReleaseId): Promise<Change[]>
  /**
   * Stops whatever of the service runs, and waits until it has ended: from then on it writes to nothing, until `restore`
   * starts a release.
   * @throws ToolError when something does not end in time
   */
  stop(options: StopOptions): Promise<Change[]>
  /**
   * Removes what a former holder created when the environment was no longer its own: a creation that is under way cannot
   * be fenced off (docs/decisions/0002). Called when nothing is unfinished.
   */
  tidy(): Promise<Change[]>
  /** Renews the lease: another run may take it over this many milliseconds from now. */
  renew(deadlineMs: number): Promise<void>
  /**
   * Leaves the lease to the next step of this run, for so long. Like `end`, it is the last call: and when a change ended
   * in an error, so that a write may still be under way, the next holder is made to fence it off.
   */
  handOver(deadlineMs: number): Promise<void>
  /** Gives the lease back. */
  end(): Promise<void>
}
