import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { ToolError } from '../outcome/errors.ts'
import type { Ledger } from '../release/ledger.ts'
import type { Owner } from './catalog.ts'
import { compressFrames, decompressFrames } from './frames.ts'
import { parseStamp, stampOf } from './keys.ts'
import type { Opening, Sealing } from './seal.ts'
import type { Store } from './store.ts'

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

const schema = z.object({
  copy: z.literal(1),
  ledger: z.custom<Ledger>(value => Array.isArray((value as Partial<Ledger> | null)?.entries)),
  records: z.record(z.string(), z.unknown()),
})
const pattern =
  /^ledger\/ledger_(\d{8}_\d{6})_([a-z0-9-]{1,63})_([a-z0-9-]{1,63})_r(\d+)_([0-9a-f]{12})\.json\.zst(\.age)?$/
/** A ledger of twenty releases is a few KB, a release of a thousand objects some MB. */
const mostBytes = 64 * 2 ** 20
/** Copies that are opened for one history: each holds some ten releases that the newer ones have forgotten. */
const mostCopies = 100

/**
 * Writes a copy of the ledger beside the backups, unless the newest one there says the same: a new object each time,
 * which is never changed.
 * @param sealing `unsealed` leaves the records out: they hold secrets
 */
export async function writeLedgerCopy(
  store: Store,
  { service, environment }: Owner,
  { ledger, records }: LedgerCopy,
  sealing: Sealing,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  const newest = Math.max(0, ...ledger.entries.map(({ id }) => Number(id.slice(1))))
  const sealed = sealing.encryption.how === 'age'
  const digest = createHash('sha256').update(JSON.stringify(ledger)).digest('hex').slice(0, 12)
  const [last] = await listCopies(store, { service, environment }, signal)
  if (last?.digest === digest && last.sealed === sealed) return
  const name = `ledger_${stampOf(now)}_${service}_${environment}_r${newest}_${digest}`
  const key = `ledger/${name}.json.zst${sealed ? '.age' : ''}`
  const text = JSON.stringify({ copy: 1, ledger, records: sealed ? records : {} })
  const body = Readable.from(sealing.seal(compressFrames(Readable.from([Buffer.from(text)]))), {
    objectMode: false,
  })
  await store.put(key, body, { expectedBytes: text.length, signal })
}

/**
 * Reads the history of an environment from its copies: the newest ledger, with the releases that it has forgotten since.
 * @param opening what opens sealed copies, made when there is one
 * @returns undefined when there is no copy
 */
export async function readLedgerCopies(
  store: Store,
  owner: Owner,
  opening: () => Promise<Opening>,
  signal: AbortSignal,
): Promise<{ ledger: Ledger; takenAt: number } | undefined> {
  const copies = await listCopies(store, owner, signal)
  const [first] = copies
  if (!first) return undefined
  const opened = copies.some(({ sealed }) => sealed) ? await opening() : undefined
  const read = (copy: Copied) => readCopy(store, copy, opened, signal)
  let { ledger } = await read(first)
  for (let left = mostCopies; left > 0; left--) {
    const oldest = Math.min(...ledger.entries.map(({ id }) => Number(id.slice(1))))
    const older = copies.find(({ newest }) => newest < oldest)
    if (!older) break
    ledger = joined((await read(older)).ledger, ledger)
  }
  return { ledger, takenAt: first.takenAt }
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

/** Newest first. */
async function listCopies(store: Store, owner: Owner, signal: AbortSignal): Promise<Copied[]> {
  const copies = (await store.list(signal)).flatMap(key => {
    const [, stamp = '', service, environment, newest, digest = '', age] = pattern.exec(key) ?? []
    const takenAt = parseStamp(stamp)
    if (takenAt === undefined || service !== owner.service || environment !== owner.environment) return []
    return [{ key, takenAt, newest: Number(newest), digest, sealed: age !== undefined }]
  })
  return copies.sort((a, b) => b.takenAt - a.takenAt)
}

async function readCopy(
  store: Store,
  { key, sealed }: Copied,
  opening: Opening | undefined,
  signal: AbortSignal,
): Promise<LedgerCopy> {
  const source = (await store.get(key, signal)) as AsyncIterable<Buffer>
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of decompressFrames(sealed && opening ? opening.open(source) : source)) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > mostBytes) throw unreadable(`${store.uri}/${key}`, undefined)
  }
  try {
    return schema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  } catch (cause) {
    throw unreadable(`${store.uri}/${key}`, cause)
  }
}

function unreadable(uri: string, cause: unknown): ToolError {
  return new ToolError(`${uri} is no copy of a ledger that can be read`, {
    tool: 'backup store',
    hint: 'Look at who wrote it, and move it away: the copy before it is read then.',
    cause,
  })
}
