import {
  abandonReturn,
  beginReturn,
  endReturn,
  firstAfter,
  seen,
} from '../../../shared/release/database-return.ts'
import {
  claim,
  observeHolder,
  withoutProcess,
  type Holder,
  type Lease,
  type Purpose,
} from '../../../shared/release/lease.ts'
import {
  advance,
  beginRestore,
  closeBad,
  closeGood,
  emptyLedger,
  endRestore,
  find,
  intend,
  noteVerdict,
  unsettled,
  wayBack,
  type Ledger,
  type ReleaseId,
} from '../../../shared/release/ledger.ts'
import { finishOrUndo, settle as decide, type Live } from '../../../shared/release/settle.ts'

// A model of an environment: one compare-and-swap state, objects with versions, and the runs that work on them as
// generators, so that a test can stop each between any two of its reads and writes. Databases are numbers that bear names;
// each says which is the oldest release that can live with it.

/** A run's program. It yields wherever others may come in between. */
export type Program = Generator<void, void>

export class Lost extends Error {}

const at = '2026-01-01T00:00:00.000Z'
const deadlineMs = 60

export interface World {
  state: { ledger: Ledger; lease: Lease | null; epoch: number; fenced: number }
  version: number
  objects: { version: number; release: ReleaseId | null; by: number; asleep: boolean }[]
  /** Numbers of the databases by their names. */
  databases: Map<string, string>
  /** By its number, the oldest release that can live with a database, and the newest that has migrated it. */
  schemas: Map<string, { oldest: number; newest: number }>
  /** Numbers of the databases that have been live: none of them may be lost. */
  wereLive: Set<string>
  /** By each run's own clock: `now` and what it is off. */
  now: number
  /** Numbers of the processes that are taken for dead on their machine, rightly or not. */
  dead: Set<number>
}

export function makeWorld(): World {
  const ledger = emptyLedger('api', 'production')
  return {
    state: { ledger, lease: null, epoch: 0, fenced: 0 },
    version: 0,
    objects: [0, 1, 2].map(() => ({ version: 0, release: null, by: 0, asleep: false })),
    databases: new Map([['live', '1']]),
    schemas: new Map([['1', { oldest: 0, newest: 0 }]]),
    wereLive: new Set(['1']),
    now: 0,
    dead: new Set(),
  }
}

export function liveIn({ objects }: World): Live {
  const [first] = objects
  const whole = objects.every(({ release, asleep }) => release === first?.release && !asleep)
  return { release: first?.release ?? null, version: '', image: '', ready: whole }
}

/** What may never be, at no moment: a release that runs upon a database that it cannot live with, or a database lost. */
export function harm({ objects, databases, schemas, wereLive }: World): string {
  const live = databases.get('live') ?? ''
  const { oldest, newest } = schemas.get(live) ?? { oldest: 0, newest: 0 }
  for (const { release, asleep } of objects) {
    if (release === null || asleep) continue
    if (numberOf(release) < oldest) return `${release} runs upon database ${live}, which needs r${oldest}`
    if (numberOf(release) > newest)
      return `${release} runs upon database ${live}, which r${newest} has migrated`
  }
  const there = new Set(databases.values())
  const lost = [...wereLive].find(oid => !there.has(oid))
  return lost === undefined ? '' : `database ${lost} is lost`
}

function numberOf(id: ReleaseId): number {
  return Number(id.slice(1))
}

/** Whether the server lets databases be renamed just then: something else may hold on to one. */
export type Server = 'swaps' | 'refuses'

/** One run, with a clock that may be off. */
export interface Run {
  holder: Holder
  skew: number
}

/** A whole job: deploy, gate, and the end that the verdict calls for; each a step that takes the lease anew. */
export function* promotion(world: World, run: Run, verdict: 'pass' | 'fail'): Program {
  const id = yield* deploy(world, run)
  if (id === undefined) return
  const gate = yield* step(world, run, 'work')
  if (!gate) return
  yield* gate.update(ledger => {
    const open = unsettled(ledger)
    return open?.id === id ? noteVerdict(ledger, id, { gate: verdict }) : ledger
  })
  yield* gate.leave('handed over')
  const end = yield* step(world, run, verdict === 'pass' ? 'work' : 'undo')
  if (!end) return
  if (unsettled(world.state.ledger)?.id === id) {
    if (verdict === 'pass') yield* end.update(ledger => closeGood(ledger, id, at))
    else yield* undo(world, end)
  }
  yield* end.leave('free')
}

function* deploy(world: World, run: Run): Generator<void, ReleaseId | undefined> {
  const lock = yield* step(world, run, 'work')
  if (!lock) return undefined
  if (unsettled(world.state.ledger) || world.state.ledger.restoring) yield* undo(world, lock)
  const intent = { version: 'v1.0.0', image: 'api', by: '', run: run.holder.run, runUrl: '', intendedAt: at }
  const ledger = yield* lock.update(now => intend(now, intent).ledger)
  const id = unsettled(ledger)?.id
  if (id === undefined) throw new Error('nothing was intended')
  // Its migration leaves a schema that the release before can live with, and perhaps no older one.
  const serving = world.state.ledger.serving ?? id
  world.schemas.set(world.databases.get('live') ?? '', { oldest: numberOf(serving), newest: numberOf(id) })
  yield* lock.apply(id)
  yield* lock.update(now => advance(now, id, 'applied'))
  yield* lock.update(now => advance(now, id, 'ready'))
  yield* lock.leave('handed over')
  return id
}

/** A rollback with the database: by a person, so that it waits for no deadline. */
export function* returning(world: World, run: Run, server: Server): Program {
  const lock = yield* step(world, run, 'undo')
  if (!lock) return
  if (unsettled(world.state.ledger) || world.state.ledger.restoring) yield* undo(world, lock)
  const back = wayBack(world.state.ledger)
  if (back && firstAfter(world.state.ledger, back.id)) {
    const oid = String(world.schemas.size + 1)
    const name = `restored-${oid}`
    yield
    world.databases.set(name, oid)
    world.schemas.set(oid, { oldest: numberOf(back.id), newest: numberOf(back.id) })
    const database = { backup: 'file:///b', live: 'live', restored: name, oid, kept: `before-${oid}` }
    yield* lock.update(now => beginReturn(now, back.id, database, at, 'asked for'))
    yield* undo(world, lock, server)
  }
  yield* lock.leave('free')
}

/** Goes on with a database that is being put back, wherever it was left. */
function* putBack(world: World, lock: EnvironmentLock, server: Server): Program {
  const { databases } = world
  for (;;) {
    const database = world.state.ledger.restoring?.database
    if (!database) return
    yield
    const found = seen(database, databases.get('live'), databases.get(database.restored))
    if (found === 'swapped') yield* lock.update(endReturn)
    else if (found === 'gone') yield* lock.update(now => abandonReturn(now, at))
    else {
      yield* lock.stop()
      // On its way: it may arrive at any time from now on, whichever run has the lease then.
      yield
      if (server === 'swaps' && swapNames(world, database)) continue
      yield
      databases.delete(database.restored)
    }
  }
}

/** One transaction of the server: both names, or none. */
function swapNames(
  { databases, objects, wereLive }: World,
  names: { restored: string; kept: string },
): boolean {
  const [live, restored] = [databases.get('live'), databases.get(names.restored)]
  if (live === undefined || restored === undefined || databases.has(names.kept)) return false
  if (objects.some(({ asleep }) => !asleep))
    throw new Error('the databases were swapped under a service that runs')
  databases.delete(names.restored)
  databases.set(names.kept, live).set('live', restored)
  wereLive.add(restored)
  return true
}

/** A settle run: looks, and then decides again with the lease in its hands. */
export function* settling(world: World, run: Run, server: Server = 'swaps'): Program {
  const { ledger } = world.state
  const lease = seenFrom(world, run.holder)
  yield
  const decision = decide(ledger, liveIn(world), lease, run.holder, world.now + run.skew)
  if (['nothing', 'wait', 'held'].includes(decision.kind)) return
  const lock = yield* step(world, run, 'undo')
  if (!lock) return
  const work = finishOrUndo(world.state.ledger, liveIn(world))
  if (work.kind === 'gate-then-finish') {
    yield* lock.update(now => closeGood(now, work.release.id, at))
  } else if (work.kind !== 'nothing') yield* undo(world, lock, server)
  yield* lock.leave('free')
}

function* undo(world: World, lock: EnvironmentLock, server: Server = 'swaps'): Program {
  yield* putBack(world, lock, server)
  const { ledger } = world.state
  const open = unsettled(ledger)
  const good = find(ledger, ledger.serving)
  if (!good) {
    if (open) yield* lock.update(now => closeBad(now, open.id, at, 'crashed'))
    return
  }
  if (open) yield* lock.update(now => beginRestore(now, good.id, at, 'crashed'))
  if (!world.state.ledger.restoring) return
  yield* lock.apply(good.id)
  yield* lock.update(endRestore)
}

interface EnvironmentLock {
  update(change: (ledger: Ledger) => Ledger): Generator<void, Ledger>
  apply(release: ReleaseId): Program
  stop(): Program
  leave(how: 'handed over' | 'free'): Program
}

function* step(
  world: World,
  { holder, skew }: Run,
  purpose: Purpose,
): Generator<void, EnvironmentLock | undefined> {
  for (;;) {
    const [seen, version] = [world.state, world.version]
    const lookedAt = { ...seen, lease: seenFrom(world, holder) }
    yield
    const now = world.now + skew
    const answer = claim(lookedAt, holder, purpose, now)
    if (answer.kind === 'wait' || answer.kind === 'hold') return undefined
    const { epoch } = answer
    const lease = { holder, epoch, deadline: now + deadlineMs, handedOver: false }
    const fenced = seen.lease === null ? epoch : seen.fenced
    if (!swap(world, version, { ...seen, epoch, lease, fenced })) continue
    const mine = world.version
    if (fenced === epoch) return lockOf(world, holder, epoch)
    for (const object of world.objects) {
      yield
      object.version++
    }
    yield
    if (swap(world, mine, { ...world.state, fenced: epoch })) return lockOf(world, holder, epoch)
  }
}

/** The lease with what can be known on the machine of who looks: a process there that is dead. */
function seenFrom({ state: { lease }, dead }: World, looking: Holder): Lease | null {
  const isHere = (boot: string) => looking.process?.boot === boot
  return lease && observeHolder(lease, ({ boot, pid }) => isHere(boot) && dead.has(pid))
}

function swap(world: World, version: number, state: World['state']): boolean {
  if (world.version !== version) return false
  world.state = state
  world.version++
  return true
}

function lockOf(world: World, holder: Holder, epoch: number): EnvironmentLock {
  const check = () => {
    const { lease, epoch: newest } = world.state
    if (newest !== epoch || !lease || lease.handedOver || lease.holder.job !== holder.job) throw new Lost()
    if (lease.holder.run !== holder.run) throw new Lost()
  }
  function* write(change: (state: World['state']) => World['state']): Program {
    for (;;) {
      check()
      const [seen, version] = [world.state, world.version]
      yield
      if (swap(world, version, change(seen))) return
    }
  }
  /** Changes every object, as each is when the write arrives. */
  function* change(to: { release?: ReleaseId; asleep: boolean }): Program {
    for (const object of world.objects) {
      for (;;) {
        const { version } = object
        yield
        check()
        // The write is on its way: it may arrive at any time from now on.
        yield
        if (object.version !== version) continue
        if (object.by > epoch) throw new Error(`a write of ${epoch} landed after one of ${object.by}`)
        // An apply that changes nothing leaves the object's version as it is, as the API server does.
        if (object.asleep === to.asleep && object.release === (to.release ?? object.release)) break
        Object.assign(object, { version: version + 1, by: epoch, ...to })
        break
      }
    }
  }
  return {
    *update(change) {
      yield* write(state => ({ ...state, ledger: change(state.ledger) }))
      return world.state.ledger
    },
    apply: release => change({ release, asleep: false }),
    stop: () => change({ asleep: true }),
    *leave(how) {
      yield* write(state => ({
        ...state,
        lease:
          how === 'free' || !state.lease
            ? null
            : { ...state.lease, holder: withoutProcess(holder), handedOver: true },
      }))
    },
  }
}
