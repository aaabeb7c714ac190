import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { LeaseLostError } from '../../outcome/errors.ts'
import { claim, type Holder, type Lease } from '../../release/lease.ts'
import { emptyLedger, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Payload } from '../target.ts'
import { readIfThere, writeFirst, writeWhole } from './files.ts'
import type { Context } from './places.ts'

/** What is kept beside the releases. */
export interface State {
  epoch: number
  lease: Lease | null
  ledger: Ledger
}

/** The state as the newest epoch left it; epoch 0 with an empty ledger when there is none yet. */
export function readState({ environment, places }: Context): State {
  const [newest] = epochsIn(places.folder)
  const text = newest === undefined ? undefined : readIfThere(places.state(newest))
  if (text !== undefined) return JSON.parse(text) as State
  return { epoch: 0, lease: null, ledger: emptyLedger(environment.service, environment.name) }
}

export function readRecord({ places }: Context, id: ReleaseId): Payload | undefined {
  const text = readIfThere(places.record(id))
  return text === undefined ? undefined : (JSON.parse(text) as Payload)
}

/** The lease in this process's hands. */
export interface HeldLease {
  readonly state: State
  /** @throws LeaseLostError when somebody else has a newer epoch */
  check(): void
  /** @throws LeaseLostError */
  write(change: (state: State) => Partial<Pick<State, 'lease' | 'ledger'>>): void
}

/**
 * One attempt to get the lease, or to go on with it. The file of an epoch is made once: of all claimants one succeeds.
 * Only then is the ledger read for good; a former holder looks for a newer epoch after each of its writes.
 */
export function takeLease(context: Context, holder: Holder, deadlineMs: number): HeldLease | { held: Lease } {
  const { places, adapters } = context
  prepareFolder(places.folder)
  for (;;) {
    const seen = readState(context)
    const now = adapters.clock.now()
    const decision = claim(seen.lease, seen.epoch, holder, now)
    if (decision.kind === 'wait') return { held: decision.held }
    const { epoch } = decision
    const lease: Lease = { holder, epoch, deadline: now + deadlineMs }
    const mine = { ...seen, epoch, lease }
    if (decision.kind === 'continue') writeWhole(places.state(epoch), JSON.stringify(mine))
    else if (!writeFirst(places.state(epoch), JSON.stringify(mine))) continue
    const last = decision.kind === 'take' ? readIfThere(places.state(seen.epoch)) : undefined
    const ledger = last === undefined ? seen.ledger : (JSON.parse(last) as State).ledger
    const held = hold(context, { epoch, lease, ledger })
    held.write(() => ({}))
    for (const old of epochsIn(places.folder)) if (old < epoch) rmSync(places.state(old), { force: true })
    return held
  }
}

function hold({ places }: Context, first: State): HeldLease {
  let state = first
  const check = () => {
    const [newest = 0] = epochsIn(places.folder)
    if (newest <= state.epoch) return
    const other = readIfThere(places.state(newest))
    const holder = other === undefined ? undefined : (JSON.parse(other) as State).lease?.holder
    throw new LeaseLostError(
      `${holder?.title ?? 'Another run'} took the environment over while this step worked`,
      {
        hint: 'Look at that run: it settles the environment. This one changes nothing any more.',
      },
    )
  }
  return {
    get state() {
      return state
    },
    check,
    write(change) {
      check()
      state = { ...state, ...change(state) }
      writeWhole(places.state(state.epoch), JSON.stringify(state))
      check()
    },
  }
}

/** The folder lies in the repository that it serves; git is told to look away. */
function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFirst(join(folder, '.gitignore'), '*\n')
}

/** Newest first. */
function epochsIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .map(name => Number(/^state-(\d+)\.json$/.exec(name)?.[1] ?? NaN))
      .filter(epoch => !Number.isNaN(epoch))
      .sort((a, b) => b - a)
  } catch {
    return []
  }
}
