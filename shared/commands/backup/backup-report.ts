import type { Conclusion, Evidence } from '../../outcome/outcome.ts'
import { countRows, type Manifest } from '../../backup/storage/manifest.ts'
import { describeCopy } from '../../backup/restore/left-behind.ts'
import { measureBackup } from '../../backup/objectives.ts'
import { describeServer } from '../../integrations/database/postgres-url.ts'
import { showDuration, showSize } from '../../config/values.ts'
import type { BackupPlan } from './backup-plan.ts'

/** How a backup ended that was kept. */
export function concludeBackup(
  { store, server, environment, before, findings }: BackupPlan,
  manifest: Manifest,
  rest: Evidence[],
): Conclusion {
  const { bytes, contents, verified } = manifest
  const uri = `${store.uri}/${manifest.key}`
  const rows = countRows(contents)
  const measured = measureBackup(environment.backup, manifest, before)
  return {
    status: 'success',
    reason: 'done',
    summary: `${describeServer(server)}: ${contents.tables.length} tables, ${rows} rows, ${showSize(bytes)} in ${showDuration(manifest.durationMs)}; ${proofOf(verified)}.`,
    evidence: [
      { subject: 'backup', finding: uri, tone: 'good' },
      { subject: 'verified', ...findingOf(verified) },
      ...describeCopy(verified.leftOut ?? []),
      ...scopeEvidence(manifest),
      ...queryEvidence(manifest),
      ...encryptionEvidence(manifest),
      ...measured.evidence,
      ...findings,
      ...rest,
    ],
    outputs: {
      'backup-uri': uri,
      sha256: manifest.sha256,
      bytes: String(bytes),
      tables: String(contents.tables.length),
      ...measured.outputs,
      verified: String(verified.how === 'restore'),
    },
  }
}

function scopeEvidence({ contents: { scope } }: Manifest): Evidence[] {
  if (!scope) return []
  const { largeObjects, ...lists } = scope
  const said = Object.entries(lists).filter(([, names]) => names.length > 0)
  const words = said.map(([list, names]) => `${list}: ${names.join(', ')}`)
  const left = [...words, ...(largeObjects ? [] : ['no large objects'])].join('; ')
  return [
    {
      subject: 'part',
      finding: `this is a part of the database (${left}): it is never the latest backup, nor put in the live database's place`,
      tone: 'warn',
    },
  ]
}

function queryEvidence({ contents: { query }, verified: { how } }: Manifest): Evidence[] {
  if (!query) return []
  const answer = query.number || `${query.rows} rows`
  const proof = how === 'restore' ? 'and so does what was restored' : 'what is restored was not asked'
  return [
    {
      subject: 'verify-query',
      finding: `${query.text}: ${answer}; ${proof}`,
      tone: how === 'restore' ? 'good' : 'warn',
    },
  ]
}

function encryptionEvidence({ encryption, verified: { opened } }: Manifest): Evidence[] {
  if (encryption.how === 'none') return []
  const to = encryption.how === 'age' ? `age, to ${encryption.recipients.join(', ')}` : 'GnuPG, AES-256'
  const proof = {
    key: 'the stored object was opened as its owner opens it',
    session: `the stored object was opened with the key of this run; that an identity of its recipients opens it is not proved`,
    none: 'the stored object was not opened',
  }
  return [
    { subject: 'encrypted', finding: `${to}; ${proof[opened]}`, tone: opened === 'none' ? 'warn' : 'note' },
  ]
}

function proofOf({ how, durationMs }: Manifest['verified']): string {
  if (how === 'restore') return `restored and compared in ${showDuration(durationMs)}`
  return how === 'list' ? 'only its table of contents was read' : 'not verified'
}

function findingOf({
  how,
  where,
  durationMs,
  leftOut = [],
}: Manifest['verified']): Pick<Evidence, 'finding' | 'tone'> {
  const absent = leftOut.filter(({ kind }) => kind === 'table').length
  const tables = absent === 0 ? 'every table,' : `all but ${absent} tables, and every`
  if (how === 'restore')
    return {
      finding: `${tables} sequence and large object was compared on ${where}, ${showDuration(durationMs)}`,
      tone: absent === 0 ? 'good' : 'warn',
    }
  if (how === 'list')
    return {
      finding:
        'the stored bytes are those that were dumped, and the table of contents can be read; that the rows can be restored is not proved',
      tone: 'warn',
    }
  return {
    finding: 'nothing is proved: neither that the object can be read, nor that it can be restored',
    tone: 'warn',
  }
}
