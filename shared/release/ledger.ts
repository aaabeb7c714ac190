/** `r42`. Numbered from 1 in each environment; `r0` is what was there before this suite came. */
export type ReleaseId = `r${number}`

/**
 * ```
 * intended -> applied -> ready -> good -> withdrawn
 *     \          \         \-> bad
 *      \----------\---------^
 * ```
 */
export type ReleaseState = 'intended' | 'applied' | 'ready' | 'good' | 'bad' | 'withdrawn'

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
  gate?: 'pass' | 'fail' | 'inconclusive'
  smoke?: 'pass' | 'fail'
  /** Where the backup lies that was taken just before it. */
  backup?: string
  by: string
  run: string
  runUrl: string
  /** ISO 8601. */
  intendedAt: string
  /** ISO 8601; when it became good, bad or withdrawn. */
  settledAt?: string
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
  /** Set while `serving` is being brought back in the place of `from`: whoever finds it has to finish the work. */
  restoring: { from: ReleaseId; since: string } | null
}

export function emptyLedger(service: string, environment: string): Ledger {
  return { schema: 1, service, environment, entries: [], serving: null, restoring: null }
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

/** What a release needs to be written down before anything is changed. */
export type Intent = Omit<Entry, 'id' | 'state' | 'settledAt' | 'because'>

/**
 * Writes down the intent to release. The ledger must have no unsettled release.
 * @returns the new ledger, and the id of the new release
 */
export function intend(ledger: Ledger, intent: Intent): { ledger: Ledger; id: ReleaseId } {
  const open = unsettled(ledger)
  if (open)
    throw new Error(`${open.id} is unsettled: it has to be settled before another release is intended`)
  const id: ReleaseId = `r${highestNumber(ledger) + 1}`
  return { id, ledger: { ...ledger, entries: [...ledger.entries, { ...intent, id, state: 'intended' }] } }
}

/** Records the state in which this suite found a workload that something else had deployed, as the good release `r0`. */
export function adopt(ledger: Ledger, intent: Intent): Ledger {
  if (ledger.entries.length > 0) throw new Error('only an empty ledger adopts')
  const entry: Entry = { ...intent, id: 'r0', state: 'good', settledAt: intent.intendedAt }
  return { ...ledger, entries: [entry], serving: 'r0' }
}

/** Moves one release on. Throws when the machine has no such transition. */
export function advance(ledger: Ledger, id: ReleaseId, state: 'applied' | 'ready'): Ledger {
  return change(ledger, id, state, {})
}

/** Closes a release as good: from now on it serves, and is the way back of the next one. */
export function closeGood(ledger: Ledger, id: ReleaseId, at: string): Ledger {
  return { ...change(ledger, id, 'good', { settledAt: at }), serving: id }
}

/** Closes an unsettled release as bad when there is nothing to go back to. What serves is unchanged. */
export function closeBad(ledger: Ledger, id: ReleaseId, at: string, because: string): Ledger {
  return change(ledger, id, 'bad', { settledAt: at, because })
}

/**
 * Writes down, before anything is touched, that `back` takes the place of what is there: an unsettled release becomes
 * bad, else the one that serves becomes withdrawn. A bad or withdrawn release that somebody named is good again.
 */
export function beginRestore(ledger: Ledger, back: ReleaseId, at: string, because: string): Ledger {
  const open = unsettled(ledger)
  const from = open?.id ?? ledger.serving
  if (from === null) throw new Error('nothing serves that could be taken back')
  const closed = open
    ? change(ledger, open.id, 'bad', { settledAt: at, because })
    : from === back
      ? ledger
      : change(ledger, from, 'withdrawn', { settledAt: at, because })
  return { ...reinstate(closed, back, at), serving: back, restoring: { from, since: at } }
}

/** The release that serves is back whole. */
export function endRestore(ledger: Ledger): Ledger {
  return { ...ledger, restoring: null }
}

/** Notes a verdict on a release; it does not close it. */
export function noteVerdict(ledger: Ledger, id: ReleaseId, verdict: Pick<Entry, 'gate' | 'smoke'>): Ledger {
  return {
    ...ledger,
    entries: ledger.entries.map(entry => (entry.id === id ? { ...entry, ...verdict } : entry)),
  }
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
 * Splits off what need not be remembered: all but what serves, what is unsettled, the newest `keep` good releases, and
 * the newest `keep` others.
 */
export function retire(ledger: Ledger, keep: number): { ledger: Ledger; retired: Entry[] } {
  const newest = (group: Entry[]) => new Set(group.slice(-keep))
  const good = newest(ledger.entries.filter(entry => entry.state === 'good'))
  const others = newest(ledger.entries.filter(entry => entry.state !== 'good'))
  const kept = (entry: Entry) =>
    good.has(entry) || others.has(entry) || entry.id === ledger.serving || entry === unsettled(ledger)
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
  return {
    ...ledger,
    entries: ledger.entries.map(each => (each === entry ? { ...each, ...patch, state } : each)),
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
