import { createHash } from 'node:crypto'
import { isReleaseId, type ReleaseId } from '../../../release/ledger.ts'
import { getFiles } from '../engine/containers.ts'
import type { Engine } from '../engine/engine.ts'
import { label, type Member } from '../apply/fleet.ts'
import { packRecord, recordFile, recordFolder, type ReleaseRecord } from './record.ts'
import type { ArchivedFile } from '../engine/tar.ts'

/**
 * Copies of two records travel in the service's container: its own release's, and that of the release before. A container
 * that runs outlives every prune, also of volumes. Root in that container can write to the copies, but not to the labels
 * of the container, which hold their digests: a copy that is not the one that was put there does not count.
 */
export interface RecordCopies {
  files: ArchivedFile[]
  /** Value of the label `runbook.records`: `r2=SHA256 r1=SHA256`, this release first. */
  digests: string
}

/** @param records the release's own, and that of the release before, where there is one */
export function copiesOf(records: ReleaseRecord[]): RecordCopies {
  const packed = records.map(record => ({ id: record.entry.id, text: packRecord(record) }))
  return {
    files: packed.map(({ id, text }) => recordFile(id, text)),
    digests: packed.map(({ id, text }) => `${id}=${digest(text)}`).join(' '),
  }
}

/** The copies in a container that are as they were put there, packed; those that are not, or are gone, are left out. */
export async function readCopies(
  engine: Engine,
  { id, labels }: Pick<Member, 'id' | 'labels'>,
): Promise<Map<ReleaseId, string>> {
  const wanted = digestsOf(labels[label.records])
  if (wanted.size === 0) return new Map()
  return authentic(wanted, await getFiles(engine, id, recordFolder))
}

/** The files whose content has the digest that its release's label names, by release. */
export function authentic(
  wanted: ReadonlyMap<ReleaseId, string>,
  files: ArchivedFile[],
): Map<ReleaseId, string> {
  const copies = new Map<ReleaseId, string>()
  for (const { path, content } of files) {
    const name = path.split('/').at(-1)
    const text = content.toString('utf8')
    if (isReleaseId(name) && wanted.get(name) === digest(text)) copies.set(name, text)
  }
  return copies
}

/** What the label says, in its order. */
export function digestsOf(text: string | undefined): Map<ReleaseId, string> {
  const pairs = (text ?? '').split(' ').map(pair => pair.split('='))
  return new Map(
    pairs.flatMap(([id, hash]): [ReleaseId, string][] => (isReleaseId(id) && hash ? [[id, hash]] : [])),
  )
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
