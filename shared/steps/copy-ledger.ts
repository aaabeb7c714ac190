import { messageOf } from '../outcome/errors.ts'
import type { Evidence } from '../outcome/outcome.ts'
import type { ReleaseId } from '../release/ledger.ts'
import type { Environment } from '../runbook/environment.ts'
import type { Ports } from './ports.ts'
import type { Held } from './tenure.ts'

/** A store that hangs keeps no release from its end. */
const withinMs = 30_000

/**
 * Copies the ledger to the backup store, so that a lost cluster loses no history; with the record of one release when it
 * can be sealed. That it could not be copied is said, and spoils nothing: the next copy holds it too.
 */
export async function copyLedger(
  environment: Environment,
  { target, tenure }: Held,
  id: ReleaseId,
  ports: Ports,
): Promise<Evidence[]> {
  const { backup } = environment
  if (!backup) return []
  const subject = 'copy of the ledger'
  try {
    const [{ writeLedgerCopy }, where, { chooseSealing }] = await Promise.all([
      import('../backup/ledger-copy.ts'),
      import('../backup/where.ts'),
      import('../backup/sealing.ts'),
    ])
    const signal = AbortSignal.any([ports.signal, AbortSignal.timeout(withinMs)])
    const surroundings = where.readSurroundings(environment, ports.env)
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
    await writeLedgerCopy(
      store,
      owner,
      { ledger: tenure.ledger, records },
      sealing,
      ports.clock.now(),
      signal,
    )
    return []
  } catch (error) {
    if (ports.signal.aborted) return []
    return [{ subject, finding: `was not written to the backup store: ${messageOf(error)}`, tone: 'note' }]
  }
}
