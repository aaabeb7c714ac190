import type { Baseline } from './baseline.ts'
import type { VerifiedIdentity } from './identity.ts'

/** `r42`. Numbered from 1 in each environment; `r0` is what was there before this suite came. */
export type ReleaseId = `r${number}`

export function isReleaseId(text: string | undefined): text is ReleaseId {
  return text !== undefined && /^r\d+$/.test(text)
}

/**
 * ```
 * intended -> applied -> ready -> good -> withdrawn
 *     \          \         \-> bad
 *      \----------\---------^
 * ```
 */
export type ReleaseState = 'intended' | 'applied' | 'ready' | 'good' | 'bad' | 'withdrawn'

/** A check that a release was let past. */
export interface Exception {
  /** Id of the check. */
  check: string
  /** It was made and failed, or was not made. */
  as: 'accepted' | 'skipped'
  /** Why, in the words of who answers for it. */
  reason: string
}

/** One release in the ledger: what it was, how far it came, and why it ended. */
export interface Entry {
  id: ReleaseId
  /** `v1.2.3`; for `r0` whatever the live workload says of itself. */
  version: string
  /** `registry/repository@sha256:...` */
  image: string
  state: ReleaseState
  /** Why it is bad or withdrawn; one sentence. */
  because?: string
  /** How the service was before this release was applied, for its gate. */
  baseline?: Baseline
  gate?: 'pass' | 'fail' | 'inconclusive'
  smoke?: 'pass' | 'fail'
  /** SHA-256, in hex, of the verification that is recorded with it: what a rollback to it is judged by. */
  verification?: string
  /** Milliseconds from the start of its gate until it was steady; 0 when it was so at once. */
  warmUpMs?: number
  /** The rule (`ruleId`) by which its image was found to be attested; absent when none was required. */
  attested?: string
  /** What served when it was intended: the way back from it leads there. */
  previous?: ReleaseId
  /** Where the backup lies that was taken just before it, while `previous` served. */
  backup?: string
  /** The oldest version that can live with the database's schema once this release has migrated it. */
  schemaNeeds?: string
  /** Digests of its migrations that have run to their end: a retry does not run them again. */
  migrated?: string[]
  /** The checks before it that were let pass, at most `keptExceptions`. */
  exceptions?: Exception[]
  /** How long the slowest instance of its workload took from its start to being ready, milliseconds. */
  startMs?: number
  /** The last time that it was brought back, and how it was then; at is ISO 8601. */
  restored?: { at: string; verdict: RestoredVerdict }
  /** Who released it, as the environment of the process claims. */
  by: string
  /** The same, as the target or GitHub verified it. */
  verified?: VerifiedIdentity[]
  run: string
  runUrl: string
  /** ISO 8601. */
  intendedAt: string
  /** ISO 8601; when it became good, bad or withdrawn. */
  settledAt?: string
}

/** An operator's word that nothing automatic may touch the environment. */
export interface Hold {
  by: string
  because: string
  /** ISO 8601. */
  since: string
}

/** What happened to the environment beside its releases. */
export type Act = OperatorAct | RollbackAct

/** Something that an operator did to the environment by hand; `restore-db`: its live database was replaced. */
export interface OperatorAct {
  kind: 'hold' | 'resume' | 'unlock' | 'restore-db'
  by: string
  verified?: VerifiedIdentity[]
  because: string
  /** ISO 8601. */
  at: string
  /** Whose lease it ended: `run 4711 of org/api`. */
  ended?: string
}

/** A release was restored in the place of another, or was to be. */
export interface RollbackAct {
  kind: 'rollback'
  /**
   * Who wanted it: a person who asked for it; the run that deployed, of a release of its own that failed; or a recovery,
   * of what a run left that did not end.
   */
  trigger: 'operator' | 'failed-release' | 'recovery'
  by: string
  verified?: VerifiedIdentity[]
  run: string
  runUrl: string
  because: string
  /** The release whose place is taken. */
  from: ReleaseId
  to: ReleaseId
  /** When it was begun, ISO 8601. */
  at: string
  /** When the release was restored, or had failed to become ready, ISO 8601; absent while that is not known. */
  finishedAt?: string
  /** The run that finished it, where that is another. */
  finishedBy?: string
  /** How the restored release was; absent while it was not looked at. */
  verdict?: RestoredVerdict
}

export type RestoredVerdict = 'healthy' | 'unhealthy' | 'unverified'

/** A release is being restored: the next run that finds this has to finish the work. */
export interface Restoring {
  /** What it takes the place of. */
  from: ReleaseId
  /** ISO 8601. */
  since: string
  /** Set until the database is back too, or was given up: no release is started before that. See `database-return.ts`. */
  database?: DatabaseReturn
}

/** A database that takes the place of the live one, together with the release that it belongs to. */
export interface DatabaseReturn {
  /** URI of the backup that it was made from. */
  backup: string
  /** Name that the service knows. */
  live: string
  /** Name of the database that is to bear it; it is whole, and compared, before this is written. */
  restored: string
  /** The server's number of that database, which no renaming changes. */
  oid: string
  /** Name under which the live one is kept. */
  kept: string
  /** What serves on, or again, when the database cannot be put back. */
  otherwise: ReleaseId
}

/** The environment's ordered record of releases. */
export interface Ledger {
  schema: 1
  service: string
  environment: string
  /** Oldest first. */
  entries: Entry[]
  /** The good release that serves, or served until an unsettled one was applied; null before the first good one. */
  serving: ReleaseId | null
  /** Set while `serving` is being brought back. */
  restoring: Restoring | null
  /** No version older than this can live with the database's schema, since that release began to migrate it. */
  floor?: { version: string; since: ReleaseId }
  /** Set until an operator resumes. */
  hold: Hold | null
  /** What operators did, and every rollback, oldest first; of either the newest `keptActs`. */
  acts: Act[]
}

const keptActs = 20
const keptExceptions = 8
/** Good releases, and as many others, that stay known and restorable (docs/decisions/0004). */
export const keptReleases = 10
/** Longer reasons are cut: the whole ledger has to fit into annotations, which take 256 KiB (Kubernetes' own limit). */
const reasonLength = 500
/** Shorter, since each of twenty releases may have some. */
const exceptionLength = 200

export function emptyLedger(service: string, environment: string): Ledger {
  return {
    schema: 1,
    service,
    environment,
    entries: [],
    serving: null,
    restoring: null,
    hold: null,
    acts: [],
  }
}

const next: Record<ReleaseState, ReleaseState[]> = {
  intended: ['applied', 'bad'],
  applied: ['ready', 'bad'],
  ready: ['good', 'bad'],
  good: ['withdrawn'],
  bad: [],
  withdrawn: [],
}

export function find(ledger: Ledger, id: ReleaseId | null): Entry | undefined {
  return ledger.entries.find(entry => entry.id === id)
}

/** The release that is neither good, bad nor withdrawn. There is at most one. */
export function unsettled(ledger: Ledger): Entry | undefined {
  return ledger.entries.find(entry => ['intended', 'applied', 'ready'].includes(entry.state))
}

/**
 * What a restore takes the place of: an unsettled release, what an unfinished restore takes back, what serves, or, where
 * no release is good yet, the newest one, which failed and was left as it was.
 */
export function inPlace(ledger: Ledger): Entry | undefined {
  return (
    unsettled(ledger) ??
    find(ledger, ledger.restoring?.from ?? ledger.serving) ??
    (ledger.serving === null ? ledger.entries.at(-1) : undefined)
  )
}

/** What a release needs to be written down before anything is changed. */
export type Intent = Omit<Entry, 'id' | 'state' | 'settledAt' | 'because' | 'previous'>

/**
 * Writes down the intent to release, and forgets what is too old: a service may fail many times before it succeeds again.
 * The ledger must have no unsettled release.
 * @returns the new ledger, and the id of the new release
 */
export function intend(ledger: Ledger, intent: Intent): { ledger: Ledger; id: ReleaseId } {
  const open = unsettled(ledger)
  if (open)
    throw new Error(`${open.id} is unsettled: it has to be settled before another release is intended`)
  const id: ReleaseId = `r${highestNumber(ledger) + 1}`
  const previous = ledger.serving === null ? {} : { previous: ledger.serving }
  const exceptions = intent.exceptions
    ?.slice(0, keptExceptions)
    .map(each => ({ ...each, reason: cutEnd(each.reason, exceptionLength) }))
  const entry: Entry = {
    ...intent,
    ...previous,
    ...(exceptions ? { exceptions } : {}),
    id,
    state: 'intended',
  }
  const entries: Entry[] = [...ledger.entries, entry]
  return { id, ledger: retire({ ...ledger, entries }, keptReleases).ledger }
}

/** Records the state in which this suite found a workload that something else had deployed, as the good release `r0`. */
export function adopt(ledger: Ledger, intent: Intent): Ledger {
  if (ledger.entries.length > 0) throw new Error('only an empty ledger adopts')
  const entry: Entry = { ...intent, id: 'r0', state: 'good', settledAt: intent.intendedAt }
  return { ...ledger, entries: [entry], serving: 'r0' }
}

/**
 * Writes down what was there before by its own name, for an operator who asks for it: a Kubernetes revision that no entry stands
 * for. It is withdrawn until it is brought back.
 */
export function remember(ledger: Ledger, intent: Intent, because: string): { ledger: Ledger; id: ReleaseId } {
  const id: ReleaseId = `r${highestNumber(ledger) + 1}`
  const entry: Entry = { ...intent, id, state: 'withdrawn', settledAt: intent.intendedAt, because }
  return { id, ledger: { ...ledger, entries: [...ledger.entries, entry] } }
}

/** Moves one release on. Throws when the machine has no such transition. */
export function advance(ledger: Ledger, id: ReleaseId, state: 'applied' | 'ready'): Ledger {
  return change(ledger, id, state, {})
}

/**
 * Closes a release as good: from now on it serves, and is the way back of the next one. A restore that was unfinished
 * when it was released is over: what was to be restored has been replaced.
 */
export function closeGood(ledger: Ledger, id: ReleaseId, at: string): Ledger {
  return { ...change(ledger, id, 'good', { settledAt: at }), serving: id, restoring: null }
}

/** Closes an unsettled release as bad when there is nothing to go back to. What serves is unchanged. */
export function closeBad(ledger: Ledger, id: ReleaseId, at: string, because: string): Ledger {
  return change(ledger, id, 'bad', { settledAt: at, because })
}

/**
 * Writes down, before anything is touched, that `back` takes the place of what is there: an unsettled release becomes
 * bad, else the one that serves becomes withdrawn. A bad or withdrawn release that an operator named is good again. While
 * another restore is unfinished, what that one takes back is still there, and what it was to bring back never served. A
 * database that is being put back comes first.
 */
export function beginRestore(ledger: Ledger, back: ReleaseId, at: string, because: string): Ledger {
  const open = unsettled(ledger)
  if (ledger.restoring?.database) throw new Error('the database that is being put back comes first')
  const there = inPlace(ledger)
  if (!there) throw new Error('nothing is there that could be taken back')
  if (!find(ledger, back)) throw new Error(`the ledger has no ${back}`)
  const closed = open
    ? change(ledger, open.id, 'bad', { settledAt: at, because })
    : there.id === back || ledger.restoring || there.state !== 'good'
      ? ledger
      : change(ledger, there.id, 'withdrawn', { settledAt: at, because })
  return { ...reinstate(closed, back, at), serving: back, restoring: { from: there.id, since: at } }
}

/** The release that serves is back whole. */
export function endRestore(ledger: Ledger): Ledger {
  return { ...ledger, restoring: null }
}

/** Notes on a release what was found out about it; it does not close it. */
export function noteVerdict(
  ledger: Ledger,
  id: ReleaseId,
  verdict: Pick<Entry, 'gate' | 'smoke' | 'migrated' | 'restored' | 'verification' | 'warmUpMs' | 'startMs'>,
): Ledger {
  return {
    ...ledger,
    entries: ledger.entries.map(entry => (entry.id === id ? { ...entry, ...verdict } : entry)),
  }
}

/** What the releases of an environment took to warm up, in milliseconds, newest last; those without a measurement are left out. */
export function warmUpsOf({ entries }: Ledger): number[] {
  return entries.flatMap(({ state, warmUpMs }) =>
    state === 'good' && warmUpMs !== undefined ? [warmUpMs] : [],
  )
}

/**
 * How the service was while a release served, just before the next one took its place; else how it was before that
 * release, which is what its own gate compared with. Undefined when neither was sampled.
 */
export function sampleOf({ entries }: Ledger, release: Entry): Baseline | undefined {
  const next = entries.findLast(({ previous, baseline }) => previous === release.id && baseline)
  return next?.baseline ?? release.baseline
}

/** Releases by whose starts the next one is judged: a service may have become slower. */
const startsOf = 5

/** How long the slowest start of the newest good releases took, milliseconds; undefined when none was measured. */
export function usualStart({ entries }: Ledger): number | undefined {
  const good = entries.filter(({ state }) => state === 'good' || state === 'withdrawn').slice(-startsOf)
  const starts = good.flatMap(({ startMs }) => startMs ?? [])
  return starts.length > 0 ? Math.max(...starts) : undefined
}

/** Writes down what an operator does; a hold lasts until an operator resumes. */
export function act(ledger: Ledger, done: OperatorAct): Ledger {
  const { kind, by, at } = done
  const because = cutEnd(done.because, reasonLength)
  const hold = kind === 'hold' ? { by, because, since: at } : kind === 'resume' ? null : ledger.hold
  return { ...ledger, hold, acts: keepNewest([...ledger.acts, { ...done, because }]) }
}

/** Writes down that a rollback begins. */
export function recordRollback(ledger: Ledger, begun: Omit<RollbackAct, 'kind'>): Ledger {
  const because = cutEnd(begun.because, reasonLength)
  return { ...ledger, acts: keepNewest([...ledger.acts, { ...begun, kind: 'rollback', because }]) }
}

/** The rollback that was begun last, when it has not been finished; undefined of a ledger that recorded none. */
export function unfinishedRollback({ acts }: Ledger): RollbackAct | undefined {
  const newest = acts.findLast(each => each.kind === 'rollback')
  return newest?.finishedAt === undefined ? newest : undefined
}

/** Notes on the newest rollback how it went on. A ledger that recorded none stays as it is. */
export function noteRollback(
  ledger: Ledger,
  found: Partial<Pick<RollbackAct, 'finishedAt' | 'finishedBy' | 'verdict' | 'to'>>,
): Ledger {
  const newest = ledger.acts.findLast(each => each.kind === 'rollback')
  const acts = ledger.acts.map((each): Act => (each === newest ? { ...newest, ...found } : each))
  return { ...ledger, acts }
}

/** What operators did and rollbacks are bounded by themselves: neither pushes the other out. */
function keepNewest(acts: Act[]): Act[] {
  const kept = new Set<Act>([
    ...acts.filter(({ kind }) => kind === 'rollback').slice(-keptActs),
    ...acts.filter(({ kind }) => kind !== 'rollback').slice(-keptActs),
  ])
  return acts.filter(each => kept.has(each))
}

/** The newest good release before the one that serves: the way back of a rollback that names nothing. */
export function wayBack(ledger: Ledger): Entry | undefined {
  const open = unsettled(ledger)
  if (open) return find(ledger, ledger.serving)
  const before = ledger.entries.findIndex(entry => entry.id === ledger.serving)
  return ledger.entries.slice(0, Math.max(before, 0)).findLast(entry => entry.state === 'good')
}

/** The newest release of that id (`r3`) or version (`v1.2.3`) that could serve again; good ones before others. */
export function resolveRelease(ledger: Ledger, name: string): Entry | undefined {
  const named = ledger.entries.filter(
    entry => (entry.id === name || entry.version === name) && entry !== unsettled(ledger),
  )
  return named.findLast(entry => entry.state === 'good') ?? named.at(-1)
}

/**
 * Splits off what need not be remembered: all but what serves and the way back from it, what is unsettled or being taken
 * back, the newest `keep` good releases, and the newest `keep` others.
 */
export function retire(ledger: Ledger, keep: number): { ledger: Ledger; retired: Entry[] } {
  const newest = (group: Entry[]) => new Set(group.slice(-keep))
  const good = newest(ledger.entries.filter(entry => entry.state === 'good'))
  const others = newest(ledger.entries.filter(entry => entry.state !== 'good'))
  const needed = new Set<Entry | undefined>([
    unsettled(ledger),
    wayBack(ledger),
    wayBack({ ...ledger, entries: ledger.entries.filter(entry => entry !== unsettled(ledger)) }),
    find(ledger, ledger.serving),
    find(ledger, ledger.restoring?.from ?? null),
    find(ledger, ledger.restoring?.database?.otherwise ?? null),
  ])
  const kept = (entry: Entry) => good.has(entry) || others.has(entry) || needed.has(entry)
  return {
    ledger: { ...ledger, entries: ledger.entries.filter(kept) },
    retired: ledger.entries.filter(entry => !kept(entry)),
  }
}

function change(ledger: Ledger, id: ReleaseId, state: ReleaseState, patch: Partial<Entry>): Ledger {
  const entry = find(ledger, id)
  if (!entry) throw new Error(`the ledger has no ${id}`)
  if (!next[entry.state].includes(state))
    throw new Error(`${id} is ${entry.state} and cannot become ${state}`)
  const { because } = patch
  const cut = because === undefined ? {} : { because: cutEnd(because, reasonLength) }
  return {
    ...ledger,
    entries: ledger.entries.map(each => (each === entry ? { ...each, ...patch, ...cut, state } : each)),
  }
}

function reinstate(ledger: Ledger, id: ReleaseId, at: string): Ledger {
  const entries = ledger.entries.map((entry): Entry => {
    if (entry.id !== id || entry.state === 'good') return entry
    const { because: _forgiven, ...rest } = entry
    return { ...rest, state: 'good', settledAt: at }
  })
  return { ...ledger, entries }
}

function highestNumber(ledger: Ledger): number {
  return Math.max(0, ...ledger.entries.map(entry => Number(entry.id.slice(1))))
}

/** The mark at the cut lets half a secret be found there: see `outcome/cut.ts`. */
function cutEnd(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`
}
