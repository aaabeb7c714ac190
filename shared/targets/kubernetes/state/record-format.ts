import { promisify } from 'node:util'
import { brotliCompress } from 'node:zlib'
import { z } from 'zod'
import { messageOf, ToolError } from '../../../outcome/errors.ts'
import { unpackWithin, type Limit } from '../../../host/within-limit.ts'
import type { ReleaseId } from '../../../release/ledger.ts'
import type { KubernetesBody } from '../apply/body.ts'
import { parseJson } from '../api/json.ts'
import type { FieldSet } from '../manifests/objects.ts'
import type { Made } from '../apply/prune.ts'

/** What a record may unpack to: a thousand objects are some MB. What would be larger is not released. */
export const mostRecordBytes = 64 * 2 ** 20
/** What an annotation of notes may unpack to: 256 KiB of annotations, compressed, are some 3 MB. */
const mostNoteBytes = 16 * 2 ** 20

/** The tool of each error about a record that cannot be read. */
export const recordTool = 'release records'

/** Fields that others owned on a release's objects when it became good, by object key. */
export type Snapshot = Record<string, FieldSet>

const compress = promisify(brotliCompress)

/** The manifests of a record are judged where they are used, by `checkedRecords`. */
const bodySchema = z.looseObject({
  version: z.string(),
  image: z.string(),
  workload: z.string().optional(),
  manifests: z.unknown(),
})
const snapshotSchema = z.record(z.string(), z.looseObject({}))
const madeSchema = z.array(
  z.looseObject({
    apiVersion: z.string(),
    kind: z.string(),
    namespace: z.string().optional(),
    name: z.string(),
    uid: z.string(),
  }),
)

/**
 * The body of a record out of the parts of its Secrets.
 * @throws ToolError of the tool `recordTool`: `too-large`, or `record-lost` when this suite cannot have written it
 */
export async function unpackBody(id: ReleaseId, packed: Buffer, hint: string): Promise<KubernetesBody> {
  const limit = { what: `the record of ${id}`, mostBytes: mostRecordBytes, hint }
  return (await unpackAs(bodySchema, packed, limit)) as KubernetesBody
}

/** The snapshot that is noted on a record; empty where there is none. @throws as `unpackBody` */
export async function unpackSnapshot(id: ReleaseId, text: string | undefined): Promise<Snapshot> {
  return text === undefined ? {} : ((await unpackAs(snapshotSchema, base64(text), noteOf(id))) as Snapshot)
}

/** The objects that are noted on a record as made by this suite; empty where there are none. @throws as `unpackBody` */
export async function unpackMade(id: ReleaseId, text: string | undefined): Promise<Made[]> {
  return text === undefined ? [] : ((await unpackAs(madeSchema, base64(text), noteOf(id))) as Made[])
}

/** A note for an annotation; null, which removes the annotation, for an empty one. */
export async function packNote(note: object): Promise<string | null> {
  if (Object.keys(note).length === 0) return null
  return (await compress(JSON.stringify(note))).toString('base64')
}

function noteOf(id: ReleaseId): Limit {
  return { what: `what is noted on the record of ${id}`, mostBytes: mostNoteBytes }
}

function base64(text: string): Buffer {
  return Buffer.from(text, 'base64')
}

async function unpackAs(schema: z.ZodType, packed: Buffer, limit: Limit): Promise<unknown> {
  let bytes: Buffer
  try {
    bytes = await unpackWithin('brotli', packed, limit)
  } catch (cause) {
    if (cause instanceof ToolError) throw unusable(cause.message, 'too-large', limit, cause)
    throw unusable(`${limit.what} cannot be decompressed`, 'record-lost', limit, cause)
  }
  const stored = parse(bytes.toString('utf8'), limit)
  if (!schema.safeParse(stored).success)
    throw unusable(`${limit.what} is not in the form that this suite writes`, 'record-lost', limit)
  return stored
}

function parse(text: string, limit: Limit): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    throw unusable(`${limit.what} is no JSON: ${messageOf(cause)}`, 'record-lost', limit, cause)
  }
}

function unusable(
  message: string,
  reason: 'too-large' | 'record-lost',
  { hint }: Limit,
  cause?: unknown,
): ToolError {
  return new ToolError(message, {
    tool: recordTool,
    reason,
    hint: hint ?? 'Find out who changed it; then deploy anew, which records the release again.',
    cause,
  })
}
