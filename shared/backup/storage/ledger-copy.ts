import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { InputError, isExpected, messageOf, ToolError } from '../../outcome/errors.ts'
import { parseLedger } from '../../release/ledger-schema.ts'
import { emptyLedger, type Ledger } from '../../release/ledger.ts'
import type { Owner } from './catalog.ts'
import { compressFrames, decompressFrames } from '../encryption/frames.ts'
import { parseStamp, stampOf } from './keys.ts'
import type { Opening, Sealing } from '../encryption/seal.ts'
import type { SigningKey } from '../encryption/signature.ts'
import type { Store } from './store.ts'
import {
  isFuture,
  isOfObject,
  notePassedOver,
  openDocument,
  sealDocument,
  untrusted,
  type Proof,
  type Reading,
} from '../encryption/trust.ts'
import { collectWithin } from '../../host/within-limit.ts'

/** What a copy holds: the whole ledger, and, when it is sealed, what the release that it is about was made of. */
export interface LedgerCopy {
  ledger: Ledger
  /** By release: a payload as its target keeps it, with its secrets. */
  records: Record<string, unknown>
}

/** A copy in a store, by its key alone. */
interface Copied {
  key: string
  takenAt: number
  /** Number of the newest release at that time. */
  newest: number
  /** Of the ledger: what is there already is not written again. */
  digest: string
  sealed: boolean
}

/** What a copy is signed as. */
const payloadType = 'application/vnd.runbook-actions.ledger-copy+json'

const schema = z.object({
  copy: z.literal(1),
  /** Its own: a copy that was renamed is none. */
  key: z.string(),
  ledger: z.unknown().transform((value, context) => {
    const ledger = parseLedger(value, emptyLedger('', ''))
    if (!ledger) context.addIssue('no ledger of this suite')
    return ledger ?? emptyLedger('', '')
  }),
  records: z.record(z.string(), z.unknown()),
})
const pattern =
  /^ledger\/ledger_(\d{8}_\d{6})_([a-z0-9-]{1,63})_([a-z0-9-]{1,63})_r(\d+)_([0-9a-f]{12})\.json\.zst(\.age)?$/
/** A ledger of twenty releases is a few KB, a release of a thousand objects some MB. */
const mostBytes = 64 * 2 ** 20
/** Copies that are opened for one history: each holds some ten releases that the newer ones have forgotten. */
const mostCopies = 100

/** What is written, and how. */
export interface CopyRequest extends LedgerCopy {
  owner: Owner
  /** `unsealed` leaves the records out: they hold secrets. */
  sealing: Sealing
  /** Undefined: the copy is not signed. */
  signing: SigningKey | undefined
}

/**
 * Writes a copy of the ledger beside the backups, unless the newest one there that is trusted says the same: a new object
 * each time, which is never changed.
 */
export async function writeLedgerCopy(
  store: Store,
  { owner, ledger, records, sealing, signing }: CopyRequest,
  reading: Reading,
): Promise<void> {
  const { signal, now } = reading
  const newest = Math.max(0, ...ledger.entries.map(({ id }) => Number(id.slice(1))))
  const sealed = sealing.encryption.how === 'age'
  const digest = createHash('sha256').update(JSON.stringify(ledger)).digest('hex').slice(0, 12)
  const copies = await listCopies(store, owner, reading)
  const [last] = copies
  if (last?.digest === digest && last.sealed === sealed && (await isTrusted(store, last, sealing, reading)))
    return
  const name = `ledger_${stampOf(now)}_${owner.service}_${owner.environment}_r${newest}_${digest}`
  const key = `ledger/${name}.json.zst${sealed ? '.age' : ''}`
  const text = JSON.stringify({ copy: 1, key, ledger, records: sealed ? records : {} })
  const document = Buffer.from(sealDocument(text, payloadType, signing))
  const body = Readable.from(sealing.seal(compressFrames(Readable.from([document]))), { objectMode: false })
  await store.put(key, body, { expectedBytes: document.length, signal })
}

/** Whether what lies there is a copy that a reader would take. What is sealed cannot be looked into here; its name has to do. */
async function isTrusted(store: Store, last: Copied, sealing: Sealing, reading: Reading): Promise<boolean> {
  if (last.sealed && sealing.opened !== 'key') return true
  try {
    await readCopy(store, last, sealing, reading)
    return true
  } catch (error) {
    reading.signal.throwIfAborted()
    if (error instanceof ToolError) return false
    throw error
  }
}

/**
 * Reads the history of an environment from its copies: the newest ledger, with the releases that it has forgotten since.
 * Copies that cannot be trusted are passed over, and named in a warning: the one before them is read.
 * @param opening what opens sealed copies, made when there is one
 * @returns undefined when there is no copy
 */
export async function readLedgerCopies(
  store: Store,
  owner: Owner,
  opening: () => Promise<Opening>,
  reading: Reading,
): Promise<{ ledger: Ledger; takenAt: number; proof: Proof } | undefined> {
  const copies = await listCopies(store, owner, reading)
  // Where nothing is to be sealed, one that is may be there to be in the way.
  const opened = copies.some(({ sealed }) => sealed)
    ? await opening().catch((error: unknown) => {
        if (reading.encrypted || !isExpected(error)) throw error
        return undefined
      })
    : undefined
  const passedOver: string[] = []
  let unopened: InputError | undefined
  const firstOf = async (candidates: Copied[]) => {
    for (const copy of candidates) {
      try {
        return { ...(await readCopy(store, copy, opened, reading)), takenAt: copy.takenAt }
      } catch (error) {
        reading.signal.throwIfAborted()
        // Sealed to another identity: it may be the only one of ours that is wrong, so that this is said in the end.
        if (error instanceof InputError) unopened ??= error
        else if (!(error instanceof ToolError) || !isOfObject(error)) throw error
        passedOver.push(messageOf(error))
      }
    }
    return undefined
  }
  const first = await firstOf(copies)
  if (!first) {
    notePassedOver(store.uri, passedOver, reading)
    if (unopened) throw unopened
    return undefined
  }
  let { ledger } = first
  for (let left = mostCopies; left > 0; left--) {
    const oldest = Math.min(...ledger.entries.map(({ id }) => Number(id.slice(1))))
    const older = await firstOf(copies.filter(({ newest }) => newest < oldest))
    if (!older) break
    ledger = joined(older.ledger, ledger)
  }
  notePassedOver(store.uri, passedOver, reading)
  return { ledger, takenAt: first.takenAt, proof: first.proof }
}

/** The older one's releases and acts before those of the newer one, which knows better of what both have. */
function joined(older: Ledger, newer: Ledger): Ledger {
  const known = new Set(newer.entries.map(({ id }) => id))
  const [since] = newer.acts
  return {
    ...newer,
    entries: [...older.entries.filter(({ id }) => !known.has(id)), ...newer.entries],
    acts: [...older.acts.filter(({ at }) => since !== undefined && at < since.at), ...newer.acts],
  }
}

/** Newest first; none that is dated in the future. */
async function listCopies(store: Store, owner: Owner, reading: Reading): Promise<Copied[]> {
  const copies = (await store.list(reading.signal)).flatMap(key => {
    const [, stamp = '', service, environment, newest, digest = '', age] = pattern.exec(key) ?? []
    const takenAt = parseStamp(stamp)
    if (takenAt === undefined || service !== owner.service || environment !== owner.environment) return []
    if (isFuture(takenAt, reading)) return []
    return [{ key, takenAt, newest: Number(newest), digest, sealed: age !== undefined }]
  })
  return copies.sort((a, b) => b.takenAt - a.takenAt)
}

async function readCopy(
  store: Store,
  { key, sealed }: Copied,
  opening: Opening | undefined,
  reading: Reading,
): Promise<LedgerCopy & { proof: Proof }> {
  const uri = `${store.uri}/${key}`
  if (reading.encrypted && !sealed)
    throw untrusted(uri, 'it is not encrypted, and the runbook demands it (backup.encrypt-to)')
  if (sealed && !opening)
    throw new ToolError(`${uri} is sealed, and decrypt-with does not open it`, {
      tool: 'backup store',
      hint: 'Set decrypt-with to the age identity of one of its recipients.',
    })
  const source = (await store.get(key, reading.signal)) as AsyncIterable<Buffer>
  const unpacked = decompressFrames(sealed && opening ? opening.open(source) : source)
  const text = (await collectWithin(unpacked, { what: uri, mostBytes })).toString('utf8')
  const { document, proof } = openDocument(uri, text, payloadType, reading)
  const read = schema.safeParse(document)
  if (!read.success) throw unreadable(uri, read.error)
  if (read.data.key !== key) throw untrusted(uri, 'it is another copy, which was renamed')
  return { ...read.data, proof }
}

function unreadable(uri: string, cause: unknown): ToolError {
  return new ToolError(`${uri} is no copy of a ledger that can be read`, {
    tool: 'backup store',
    hint: 'Find out who wrote it, and move it away: the copy before it is read then.',
    cause,
  })
}
