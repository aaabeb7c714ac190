import { gunzipSync, gzipSync } from 'node:zlib'
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { entrySchema, isStoredLease, parseLedger } from '../../../release/ledger-schema.ts'
import type { Lease } from '../../../release/lease.ts'
import { emptyLedger, type Entry, type Ledger, type ReleaseId } from '../../../release/ledger.ts'
import type { Payload } from '../../target.ts'
import type { ArchivedFile } from '../engine/tar.ts'
import type { CreateBody } from '../engine/containers.ts'

/** What a release is on a Docker engine: how its container is created, without what each creation adds. */
export interface ContainerPayload extends Payload {
  kind: 'docker'
  body: {
    create: CreateBody
    /** Id of the container that was there before this suite; empty for releases that it made. */
    adopted: string
  }
}

/** What a record may unpack to: it is one container's configuration, with its secrets. */
const mostRecordBytes = 16 * 2 ** 20

/** As the Engine API has them (https://docs.docker.com/reference/api/engine/version/v1.47/#operation/ContainerCreate). */
const mountSchema = z.looseObject({ Type: z.string(), Target: z.string(), Source: z.string().optional() })

/** What a record has to be, also one that another program wrote. What its container may reach is judged by `refuseWiderRecord`. */
const recordSchema = z.looseObject({
  entry: entrySchema,
  payload: z.looseObject({
    kind: z.literal('docker'),
    objects: z.array(z.string()),
    body: z.looseObject({
      create: z.looseObject({
        Image: z.string(),
        Env: z.array(z.string()).nullish(),
        Labels: z.record(z.string(), z.string()).nullish(),
        HostConfig: z
          .looseObject({
            Binds: z.array(z.string()).nullish(),
            Mounts: z.array(mountSchema).nullish(),
            Tmpfs: z.record(z.string(), z.string()).nullish(),
          })
          .optional(),
      }),
      adopted: z.string(),
    }),
  }),
  verification: z.string().optional(),
  nonce: z.string().optional(),
})

/** A release with all that it takes to bring it back. */
export interface ReleaseRecord {
  entry: Entry
  payload: ContainerPayload
  /** What a rollback to it is judged by; see `EnvironmentLock.recordVerification`. */
  verification?: string
}

/** What the ledger's container holds, beside the records. */
export interface State {
  /** Grows with every write: of two copies the higher one counts. */
  sequence: number
  epoch: number
  /** Its deadline is by the engine's clock. */
  lease: Lease | null
  ledger: Ledger
  /** Id of the container that was recorded as `r0`; empty when there was none. */
  adopted: string
  /**
   * A run lost the lease in the middle of a change, and may still be about to do the next part of it: the next
   * restore has to leave no container that they know of.
   */
  fence: boolean
}

/** Where the volume of a lease is mounted in its container, which never runs. */
export const stateMount = '/.runbook'
/** Folders in there; only root may look into them. */
export const stateFolder = `${stateMount}/state`
export const recordFolder = `${stateMount}/records`

export function asContainerPayload(payload: Payload): ContainerPayload {
  if (payload.kind !== 'docker') throw new Error(`a payload for ${payload.kind} came to a Docker engine`)
  return payload as ContainerPayload
}

/** The file of a record. It holds the release's secrets. */
export function recordFile(id: ReleaseId, packed: string): ArchivedFile {
  return { path: `${recordFolder.slice(1)}/${id}`, content: Buffer.from(packed) }
}

/** With a nonce, so that the digest of the text tells nothing of the secrets in it. */
export function packRecord(record: ReleaseRecord): string {
  const nonce = randomBytes(16).toString('hex')
  return gzipSync(JSON.stringify({ ...record, nonce })).toString('base64')
}

/** Undefined for anything that is not a whole record, or unpacks to more than 16 MiB. */
export function unpackRecord(text: string | undefined): ReleaseRecord | undefined {
  if (!text) return undefined
  try {
    const unpacked = gunzipSync(Buffer.from(text, 'base64'), { maxOutputLength: mostRecordBytes })
    const stored: unknown = JSON.parse(unpacked.toString('utf8'))
    if (!recordSchema.safeParse(stored).success) return undefined
    const { nonce: _nonce, ...record } = stored as ReleaseRecord & { nonce?: string }
    return record
  } catch {
    return undefined
  }
}

/**
 * The file for one write of the state. Two slots take turns, so that a write that was cut in the middle leaves the one
 * before it whole.
 */
export function packState(state: State): ArchivedFile {
  const json = JSON.stringify(state)
  return {
    path: `${stateFolder.slice(1)}/${state.sequence % 2}.json`,
    content: Buffer.from(JSON.stringify({ sha256: digest(json), json })),
  }
}

/** The newest whole state among files; undefined when there is none. */
export function unpackState(files: ArchivedFile[]): State | undefined {
  return files
    .map(({ content }) => wholeState(content))
    .filter(state => state !== undefined)
    .sort((a, b) => b.epoch - a.epoch || b.sequence - a.sequence)[0]
}

function wholeState(content: Buffer): State | undefined {
  try {
    const { sha256, json } = JSON.parse(content.toString('utf8')) as { sha256: string; json: string }
    if (sha256 !== digest(json)) return undefined
    const state = JSON.parse(json) as State
    const { sequence, epoch, lease, ledger, adopted, fence } = state
    if (![sequence, epoch].every(Number.isSafeInteger)) return undefined
    if (typeof adopted !== 'string' || typeof fence !== 'boolean' || !isStoredLease(lease)) return undefined
    return parseLedger(ledger, emptyLedger('', '')) ? state : undefined
  } catch {
    return undefined
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
