import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LeaseLostError, messageOf, ToolError, type OnHoldError } from '../../outcome/errors.ts'
import { onHold } from '../on-hold.ts'
import {
  claim,
  observeHolder,
  workingDeadlineMs,
  type Holder,
  type Lease,
  type Purpose,
} from '../../release/lease.ts'
import { isStoredLease, parseLedger } from '../../release/ledger-schema.ts'
import { emptyLedger, type Ledger, type ReleaseId } from '../../release/ledger.ts'
import type { Payload, Refused } from '../target.ts'
import { readIfThere, writeFirst, writeWhole } from './source/files.ts'
import { keepSecret } from './keep-secret.ts'
import type { ProcessPayload } from './payload.ts'
import type { Context } from './places.ts'

/** What is kept beside the releases. */
export interface State {
  epoch: number
  lease: Lease | null
  ledger: Ledger
}

/** The state as the newest epoch left it; epoch 0 with an empty ledger when there is none yet. */
export function readState(context: Context): State {
  const [newest] = epochsIn(context.places.folder)
  const found = newest === undefined ? undefined : stateOf(context, newest)
  return found ?? { epoch: 0, lease: null, ledger: emptyOf(context) }
}

function stateOf(context: Context, epoch: number): State | undefined {
  const text = readIfThere(context.places.state(epoch))
  if (text === undefined) return undefined
  return parseState(text, emptyOf(context), context.places.state(epoch))
}

/** @param file its path, for messages; @throws ToolError for a text that this suite cannot have written */
export function parseState(text: string, empty: Ledger, file: string): State {
  const state = parseFile(text, file) as Partial<State> | null
  const ledger = parseLedger(state?.ledger, empty)
  if (!state || !ledger || !Number.isSafeInteger(state.epoch) || !isStoredLease(state.lease))
    throw damaged(file, 'it is no ledger')
  return { ...(state as State), ledger }
}

function parseFile(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw damaged(file, messageOf(error), error)
  }
}

function damaged(file: string, why: string, cause?: unknown): ToolError {
  return new ToolError(`${file} is damaged: ${why}`, {
    tool: 'ledger',
    reason: 'record-lost',
    hint: 'Find out what wrote it: the service runs as the same user. Restore the file from a backup of the machine, or move it away; then deploy.',
    cause,
  })
}

function emptyOf({ environment }: Context): Ledger {
  return emptyLedger(environment.service, environment.name)
}

/** The record of a release, whose secrets are not shown from now on. */
export function readRecord(context: Context, id: ReleaseId): Payload | undefined {
  const text = readIfThere(context.places.record(id))
  if (text === undefined) return undefined
  const payload = parsePayload(text, context.places.record(id))
  keepSecret(context, payload)
  return payload
}

const texts = z.record(z.string(), z.string())
const payloadSchema = z.looseObject({
  kind: z.literal('process'),
  objects: z.array(z.string()),
  body: z.looseObject({
    version: z.string(),
    source: z.string(),
    path: z.string(),
    within: z.string(),
    start: z.string(),
    env: texts,
    adopted: z.looseObject({}).nullable(),
  }),
})

/** The record of a release. @param file its path, for messages; @throws ToolError for what this suite cannot have written */
export function parsePayload(text: string, file: string): ProcessPayload {
  const payload = parseFile(text, file)
  if (!payloadSchema.safeParse(payload).success) throw damaged(file, 'it is no record of a release')
  return payload as ProcessPayload
}

/** The lease in this process's hands. */
export interface HeldLease {
  readonly state: State
  /** @throws LeaseLostError when another run has a newer epoch */
  check(): void
  /** @throws LeaseLostError */
  write(change: (state: State) => Partial<Pick<State, 'lease' | 'ledger'>>): void
}

/** One attempt to get the lease, or to go on with it. */
export function takeLease(
  context: Context,
  holder: Holder,
  purpose: Purpose,
  deadlineMs: number,
): HeldLease | Refused {
  for (;;) {
    const seen = readState(context)
    const { clock, hasEnded } = context.adapters
    const now = clock.now()
    const lookedAt = { ...seen, lease: seen.lease && observeHolder(seen.lease, hasEnded) }
    const answer = claim(lookedAt, holder, purpose, now)
    if (answer.kind === 'wait') return { held: answer.held }
    if (answer.kind === 'hold') return { hold: answer.hold }
    const taken = occupy(context, seen, holder, now + deadlineMs, ledger => ledger)
    if (taken) return taken
  }
}

/** Takes the lease from its holder, changes the ledger with the same write, and gives the lease back. */
export function overrideLease(
  context: Context,
  holder: Holder,
  change: (ledger: Ledger) => Ledger,
): Lease | null {
  for (;;) {
    const seen = readState(context)
    const deadline = context.adapters.clock.now() + workingDeadlineMs
    const taken = occupy(context, seen, holder, deadline, change)
    if (!taken) continue
    taken.write(() => ({ lease: null }))
    return seen.lease
  }
}

/**
 * The file of an epoch is made once: of all claimants one succeeds. Only then is the ledger read for good; a former
 * holder looks for a newer epoch after each of its writes.
 * @returns undefined when another run was faster
 */
function occupy(
  context: Context,
  seen: State,
  holder: Holder,
  deadline: number,
  change: (ledger: Ledger) => Ledger,
): HeldLease | undefined {
  const { places } = context
  const epoch = seen.epoch + 1
  const lease: Lease = { holder, epoch, deadline, handedOver: false }
  prepareFolder(places.folder)
  if (
    !writeFirst(places.state(epoch), JSON.stringify({ ...seen, epoch, lease, ledger: change(seen.ledger) }))
  )
    return undefined
  const { ledger } = stateOf(context, seen.epoch) ?? seen
  const held = hold(context, { epoch, lease, ledger: change(ledger) })
  held.write(() => ({}))
  for (const old of epochsIn(places.folder)) if (old < epoch) rmSync(places.state(old), { force: true })
  return held
}

function hold(context: Context, first: State): HeldLease {
  const { places } = context
  let state = first
  const check = () => {
    const [newest = 0] = epochsIn(places.folder)
    if (newest > state.epoch) throw lostTo(stateOf(context, newest))
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

function lostTo(other: State | undefined): LeaseLostError | OnHoldError {
  if (other?.ledger.hold) return onHold(other.ledger.environment, other.ledger.hold)
  const who = other?.lease?.holder.title ?? 'Another run'
  return new LeaseLostError(`${who} took the environment over while this step worked`, {
    hint: 'Look at that run: it settles the environment. This one changes nothing any more.',
  })
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
