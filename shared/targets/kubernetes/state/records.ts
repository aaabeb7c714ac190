import { toJson } from '../api/json.ts'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { ToolError } from '../../../outcome/errors.ts'
import { tooLarge, unpackWithin } from '../../../host/within-limit.ts'
import { isReleaseId, type ReleaseId } from '../../../release/ledger.ts'
import type { Survivor } from '../../../release/rebuild.ts'
import { ApiError } from '../api/api-error.ts'
import { type Client } from '../api/client.ts'
import { fieldManager, stamps, type KubeObject } from '../manifests/objects.ts'
import type { Made } from '../apply/prune.ts'
import {
  mostRecordBytes,
  packNote,
  recordTool,
  unpackBody,
  unpackMade,
  unpackSnapshot,
  type Snapshot,
} from './record-format.ts'
import { slotCount } from '../rollout/slots.ts'
import type { KubernetesBody } from '../apply/body.ts'

const compress = promisify(brotliCompress)

/** A Secret holds at most 1 MiB of data (Kubernetes' own limit); some is left for what else is in it. */
const partBytes = 900 * 1024

export type { Snapshot }

/** What was noted on a release when it became good. */
export interface Notes {
  snapshot: Snapshot
  /** The objects that this suite made and that may have to be removed one day. */
  made: Made[]
}

/** A release's record as it is kept: compressed, in as many Secrets as it takes. */
export interface RecordStore {
  /** The parts that a body takes. */
  split(body: KubernetesBody): Promise<Buffer[]>
  /** Creates one Secret a part. A slot that holds something else is emptied first, which `guard` must allow. */
  save(id: ReleaseId, parts: Buffer[], slots: number[], guard: () => Promise<void>): Promise<void>
  /** Undefined when a part is gone or of another release. */
  load(id: ReleaseId, slots: number[]): Promise<({ body: KubernetesBody } & Notes) | undefined>
  /**
   * Writes notes onto a record; one that is not given stays as it was, and so does what is recorded. When the slot holds
   * another release by now, nothing is noted.
   * @param guard throws when another run has the lease; asked between the reading and the writing
   */
  annotate(id: ReleaseId, slots: number[], notes: Partial<Notes>, guard: () => Promise<void>): Promise<void>
  /** Writes the verification onto a record, as `annotate` writes notes; it says nothing of whether the release is good. */
  saveVerification(id: ReleaseId, slots: number[], text: string, guard: () => Promise<void>): Promise<void>
  /** Undefined when the record is gone, is of another release, or has no verification that can be read. */
  loadVerification(id: ReleaseId, slots: number[]): Promise<string | undefined>
  drop(id: ReleaseId, slots: number[], guard: () => Promise<void>): Promise<void>
  /** Every record that is whole, with its slots: for when it is not known any more which is where. */
  survey(): Promise<(Survivor & { slots: number[] })[]>
}

interface Part {
  slot: number
  secret: KubeObject
}

/** Annotations of the first part. An object's annotations may have 256 KiB together: enough for some 5,000 objects. */
const noteKeys = { snapshot: 'runbook/snapshot', made: 'runbook/made-objects' } as const
/** Only a release that is recorded good is noted on. */
const goodKey = 'runbook/good'
/** Written before the release is good, and so no sign of it. */
const verificationKey = 'runbook/verification'
/** A verification that unpacks to more than this was not written by this suite. */
const mostVerificationBytes = 2 ** 20
const partKey = 'runbook/part'

export function createRecordStore(client: Client, service: string, namespace: string): RecordStore {
  const nameOf = (slot: number) => `runbook-${service}-${slot}`
  const pathOf = (slot: number) => `/api/v1/namespaces/${namespace}/secrets/${nameOf(slot)}`
  const get = (slot: number) => client.get(pathOf(slot))

  const savePart = async (secret: KubeObject, slot: number, guard: () => Promise<void>): Promise<void> => {
    for (let attempts = 3; ; attempts--) {
      try {
        // An apply instead of a POST: a Role can allow it for these names alone. The Secret is immutable, so that it
        // changes nothing when another record is there.
        await client.patch(pathOf(slot), 'apply', secret, { fieldManager, force: 'true' })
        return
      } catch (error) {
        if (!(error instanceof ApiError) || attempts === 0) throw error
        if (error.status !== 422 && !error.unknown) throw error
        await empty(slot, guard)
      }
    }
  }

  const empty = async (slot: number, guard: () => Promise<void>): Promise<void> => {
    const found = await get(slot)
    if (!found) return
    await guard()
    await client.remove(pathOf(slot), { preconditions: { uid: found.metadata.uid } })
  }

  const load: RecordStore['load'] = async (id, slots) => {
    const found = await Promise.all(slots.map(get))
    const parts = found.filter(each => each !== undefined)
    const whole = parts.every(
      ({ metadata: { labels } }, index) =>
        labels?.[stamps.release] === id && labels[partKey] === `${index + 1}-of-${slots.length}`,
    )
    if (slots.length === 0 || parts.length < slots.length || !whole) return undefined
    const packed = Buffer.concat(
      parts.map(({ data }) =>
        Buffer.from(String((data as { payload?: unknown } | undefined)?.payload), 'base64'),
      ),
    )
    const hint = `Find out who wrote the Secret ${nameOf(slots[0] ?? 0)} of namespace ${namespace}; then deploy anew, which records the release again.`
    const body = await unpackBody(id, packed, hint)
    const annotations = parts[0]?.metadata.annotations ?? {}
    const [snapshot, made] = await Promise.all([
      unpackSnapshot(id, annotations[noteKeys.snapshot]),
      unpackMade(id, annotations[noteKeys.made]),
    ])
    return { body, snapshot, made }
  }

  /** One record that cannot be read keeps no other from being found. */
  const loadOrPass: RecordStore['load'] = async (id, slots) => {
    try {
      return await load(id, slots)
    } catch (error) {
      if (error instanceof ToolError && error.tool === recordTool) return undefined
      throw error
    }
  }

  const writeAnnotations = async (
    id: ReleaseId,
    slot: number,
    annotations: Record<string, string | null>,
    guard: () => Promise<void>,
  ): Promise<void> => {
    for (;;) {
      const live = await get(slot)
      if (live?.metadata.labels?.[stamps.release] !== id) return
      await guard()
      try {
        const { uid, resourceVersion } = live.metadata
        await client.patch(pathOf(slot), 'merge', { metadata: { uid, resourceVersion, annotations } })
        return
      } catch (error) {
        // Another writer has the lease by now, most likely: the guard says so.
        if (!(error instanceof ApiError && error.stale)) throw error
      }
    }
  }

  return {
    async split(body) {
      const text = toJson(body)
      if (Buffer.byteLength(text) > mostRecordBytes)
        throw tooLarge({
          what: 'the record of the release, all of its objects as JSON,',
          mostBytes: mostRecordBytes,
          hint: 'Make the manifests smaller: files of many megabytes belong into a volume, not into a ConfigMap.',
        })
      const packed = await compress(text, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 5 },
      })
      const count = Math.max(1, Math.ceil(packed.length / partBytes))
      return Array.from({ length: count }, (_, part) =>
        packed.subarray(part * partBytes, (part + 1) * partBytes),
      )
    },

    async save(id, parts, slots, guard) {
      await Promise.all(
        parts.map((part, index) => {
          const slot = slots[index]
          if (slot === undefined) throw new Error(`${id} has ${parts.length} parts and ${slots.length} slots`)
          const secret: KubeObject = {
            apiVersion: 'v1',
            kind: 'Secret',
            metadata: {
              name: nameOf(slot),
              namespace,
              labels: {
                [stamps.service]: service,
                [stamps.release]: id,
                [partKey]: `${index + 1}-of-${parts.length}`,
              },
            },
            type: 'runbook/release',
            immutable: true,
            data: { release: Buffer.from(id).toString('base64'), payload: part.toString('base64') },
          }
          return savePart(secret, slot, guard)
        }),
      )
    },

    load,

    async annotate(id, [first], { snapshot, made }, guard) {
      if (first === undefined) return
      const annotations = {
        ...(snapshot ? { [noteKeys.snapshot]: await packNote(snapshot) } : {}),
        ...(made ? { [noteKeys.made]: await packNote(made) } : {}),
        [goodKey]: 'true',
      }
      await writeAnnotations(id, first, annotations, guard)
    },

    async saveVerification(id, [first], text, guard) {
      if (first === undefined) return
      const packed = (await compress(text)).toString('base64')
      await writeAnnotations(id, first, { [verificationKey]: packed }, guard)
    },

    async loadVerification(id, [first]) {
      const found = first === undefined ? undefined : await get(first)
      const packed = found?.metadata.annotations?.[verificationKey]
      if (packed === undefined || found?.metadata.labels?.[stamps.release] !== id) return undefined
      try {
        const limit = { what: `the verification of ${id}`, mostBytes: mostVerificationBytes }
        return (await unpackWithin('brotli', Buffer.from(packed, 'base64'), limit)).toString('utf8')
      } catch {
        // Edited by hand, or cut: the caller says that there is none.
        return undefined
      }
    },

    async survey() {
      const found = await Promise.all(
        Array.from({ length: slotCount }, async (_each, slot) => ({ slot, secret: await get(slot) })),
      )
      const parts = new Map<ReleaseId, Map<number, Part>>()
      for (const { slot, secret } of found) {
        const labels = secret?.metadata.labels ?? {}
        const [, part] = /^(\d+)-of-\d+$/.exec(labels[partKey] ?? '') ?? []
        const id = labels[stamps.release]
        if (!secret || part === undefined || !isReleaseId(id)) continue
        parts.set(id, (parts.get(id) ?? new Map<number, Part>()).set(Number(part), { slot, secret }))
      }
      const whole = await Promise.all(
        [...parts].map(async ([id, of]) => {
          const inOrder = [...of].toSorted(([a], [b]) => a - b).map(([, each]) => each)
          const slots = inOrder.map(({ slot }) => slot)
          const record = await loadOrPass(id, slots)
          const { annotations = {}, creationTimestamp = '' } = inOrder[0]?.secret.metadata ?? {}
          if (!record) return []
          const { version, image } = record.body
          const wasGood = [goodKey, ...Object.values(noteKeys)].some(key => annotations[key] !== undefined)
          return [{ id, version, image, wasGood, at: creationTimestamp, slots }]
        }),
      )
      return whole.flat()
    },

    async drop(id, slots, guard) {
      const found = await Promise.all(
        slots.map(async slot => ({ path: pathOf(slot), secret: await get(slot) })),
      )
      const own = found.filter(({ secret }) => secret?.metadata.labels?.[stamps.release] === id)
      if (own.length === 0) return
      await guard()
      await Promise.all(
        own.map(({ path, secret }) => client.remove(path, { preconditions: { uid: secret?.metadata.uid } })),
      )
    },
  }
}
