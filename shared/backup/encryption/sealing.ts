import { InputError } from '../../outcome/errors.ts'
import { acceptedRecipients, identityPattern, openWithIdentity, sealTo } from './age.ts'
import { refused } from '../storage/find.ts'
import { sealWithPassphrase } from './gpg.ts'
import type { Encryption } from '../storage/manifest.ts'
import type { BackupPorts } from '../ports.ts'
import { unsealed, type Opening, type Sealing } from './seal.ts'

type SealPorts = Pick<BackupPorts, 'exec' | 'env' | 'signal'>

/** How something is to be encrypted, as the inputs say it. */
export interface Wish {
  /** age recipients, separated by spaces or commas; empty: none. */
  encryptTo: string
  /** The input's name, or the place in the runbook, that names them. */
  where: string
  /** For GnuPG; empty: none. */
  passphrase: string
  /** The age identity to open it with again; empty: what this run knows itself. */
  identity: string
}

/** @throws InputError for inputs that contradict each other, or are no keys */
export async function chooseSealing(
  ports: SealPorts,
  { encryptTo, where, passphrase, identity }: Wish,
): Promise<Sealing> {
  const recipients = encryptTo.split(/[\s,]+/).filter(text => text !== '')
  if (recipients.length > 0 && passphrase !== '')
    throw new InputError(`${where} and encrypt-passphrase are both given; accepted: one of them`, {
      hint: 'age recipients need no secret to encrypt; a passphrase opens with GnuPG, as the guide has it. Choose one.',
    })
  if (passphrase !== '') return sealWithPassphrase(ports, requirePassphrase('encrypt-passphrase', passphrase))
  if (recipients.length === 0) {
    if (identity === '') return unsealed
    throw new InputError('decrypt-with is given, and nothing is to be encrypted', {
      hint: `Give encrypt-to too: ${acceptedRecipients}.`,
    })
  }
  const sealing = await sealTo(where, recipients)
  return identity === '' ? sealing : { ...sealing, ...(await openWithIdentity('decrypt-with', identity)) }
}

/**
 * What opens an object that was stored before.
 * @param key the input `decrypt-with`: an age identity, or the passphrase
 * @throws ToolError (`restore-refused`) when it is encrypted and there is no key, or one of the other kind
 */
export async function chooseOpening(ports: SealPorts, encryption: Encryption, key: string): Promise<Opening> {
  if (encryption.how === 'none') return unsealed
  const isIdentity = identityPattern.test(key)
  if (encryption.how === 'age') {
    if (isIdentity) return openWithIdentity('decrypt-with', key)
    throw refused(
      `The backup is encrypted to ${encryption.recipients.join(', ')}, and decrypt-with is ${key === '' ? 'missing' : 'no age identity'}`,
      'Set decrypt-with to the secret key of one of these recipients, a text like AGE-SECRET-KEY-1...',
    )
  }
  if (key !== '' && !isIdentity) return sealWithPassphrase(ports, requirePassphrase('decrypt-with', key))
  throw refused(
    `The backup is encrypted with GnuPG, and decrypt-with is ${key === '' ? 'missing' : 'an age identity'}`,
    'Set decrypt-with to the passphrase that it was encrypted with.',
  )
}

function requirePassphrase(where: string, passphrase: string): string {
  if (!/[\r\n\0]/.test(passphrase)) return passphrase
  throw new InputError(`${where} has more than one line; accepted: a passphrase on one line`, {
    hint: `Set ${where} to a passphrase without line breaks.`,
  })
}
