import type { Reason } from '../../outcome/reasons.ts'
import { InputError, messageOf } from '../../outcome/errors.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import type { SigningKey } from '../../backup/encryption/signature.ts'
import type { Ledger, ReleaseId } from '../../release/ledger.ts'
import type { Environment } from '../../config/environment.ts'
import type { Target } from '../../targets/target.ts'
import type { Ports } from '../step/ports.ts'

/** A store that hangs keeps no release from its end. */
const withinMs = 30_000

/** What is copied. */
export interface Copying {
  ledger: Ledger
  /** The release whose record goes with it, where it can be sealed; null: there is nothing to copy. */
  id: ReleaseId | null
  /** Undefined: this job has no key. Where the runbook demands signatures, the next backup writes the copy. */
  signing: SigningKey | undefined
}

/**
 * Copies the ledger to the backup store, so that a lost cluster loses no history; with the record of one release when it
 * can be sealed. That it could not be copied is said, and spoils nothing: the next backup, at the latest, copies it too.
 */
export async function copyLedger(
  environment: Environment,
  target: Target,
  { ledger, id, signing }: Copying,
  ports: Ports,
): Promise<Evidence[]> {
  const { backup } = environment
  if (!backup || id === null) return []
  const subject = 'copy of the ledger'
  if (!signing && backup.signedBy.length > 0) {
    const finding = 'is written by the next backup, whose job has the key that signs it'
    return [{ subject, finding, tone: 'note' }]
  }
  try {
    const [{ writeLedgerCopy }, where, { chooseSealing }, { readingOf }] = await Promise.all([
      import('../../backup/storage/ledger-copy.ts'),
      import('../../backup/storage/where.ts'),
      import('../../backup/encryption/sealing.ts'),
      import('../../backup/encryption/trust.ts'),
    ])
    const signal = AbortSignal.any([ports.signal, AbortSignal.timeout(withinMs)])
    const surroundings = readable(() => where.readSurroundings(environment, ports.env)) ?? {
      environment,
      file: {},
      own: {},
      env: ports.env,
    }
    for (const value of where.secretVariables(surroundings)) ports.secrets.add(value)
    const store = await where.resolveStore(surroundings, '')
    const sealing = await chooseSealing(ports, {
      encryptTo: backup.encryptTo.join(' '),
      where: `environments.${environment.name}.backup.encrypt-to`,
      passphrase: '',
      identity: '',
    })
    const record = sealing.encryption.how === 'none' ? undefined : await target.recall(id)
    const records = record ? { [id]: record } : {}
    const owner = { service: environment.service, environment: environment.name }
    const copy = { owner, ledger, records, sealing, signing }
    await writeLedgerCopy(store, copy, readingOf(environment, { ...ports, signal }))
    return []
  } catch (error) {
    if (ports.signal.aborted) return []
    return [notCopied(messageOf(error))]
  }
}

/** The warning that a copy could not be written. @param why not ending in a full stop */
export function notCopied(why: string): Evidence {
  const finding = `${notCopiedCode}: the ledger was not copied to the backup store: ${why}`
  return { subject: 'copy of the ledger', finding, tone: 'warn' }
}

const notCopiedCode: Reason = 'ledger-not-copied'

/** The end of a job has no env-file any more; the store's credentials may be in the process's environment all the same. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}
