import { InputError, messageOf, ToolError } from '../../outcome/errors.ts'
import type { Log } from '../../host/log.ts'
import type { Environment } from '../../config/environment.ts'
import {
  acceptedVerifyingKey,
  readVerifyingKey,
  showVerifyingKey,
  type VerifyingKey,
} from '../../config/verifying-key.ts'
import type { Evidence } from '../../outcome/outcome.ts'
import type { Reason } from '../../outcome/reasons.ts'
import { isEnvelope, openEnvelope, readSigningKey, signEnvelope, type SigningKey } from './signature.ts'

/** What is demanded of whatever is read from a backup store: all who hold the keys of the store can write there. */
export interface Reading {
  /** Keys of which one must have signed; empty: signatures are not asked for. */
  keys: VerifyingKey[]
  /** What is not encrypted is refused. */
  encrypted: boolean
  /** Milliseconds since 1970. */
  now: number
  log: Pick<Log, 'warn'>
  signal: AbortSignal
}

/** How far what was read is to be trusted. */
export type Proof =
  /** A key of the runbook has signed it. */
  | { kind: 'signed'; keyid: string }
  /** All who can write to the store could have written it. */
  | { kind: 'unsigned' }

/** Clocks of two machines may differ by so much, milliseconds. */
const clockSkewMs = 300_000

/** @param environment whose runbook says what is demanded */
export function readingOf(
  { name, backup }: Pick<Environment, 'name' | 'backup'>,
  { clock, log, signal }: { clock: { now(): number }; log: Pick<Log, 'warn'>; signal: AbortSignal },
): Reading {
  const keys = (backup?.signedBy ?? []).map(text => {
    const key = readVerifyingKey(text)
    if (key) return key
    throw InputError.of(`environments.${name}.backup.signed-by`, text, acceptedVerifyingKey)
  })
  return { keys, encrypted: (backup?.encryptTo ?? []).length > 0, now: clock.now(), log, signal }
}

/** How a pair of keys is made, for messages. */
const makeKeys =
  'openssl genpkey -algorithm ed25519 -out signing-key.pem makes a key, and openssl pkey -in signing-key.pem -pubout shows what belongs into backup.signed-by of the runbook'

/**
 * The key that signs what is written, before anything is written.
 * @param given the input `signing-key`; empty: none
 * @throws InputError when the runbook demands signatures, and the key is missing or is none of those that it names
 */
export function chooseSigning({ keys }: Pick<Reading, 'keys'>, given: string): SigningKey | undefined {
  if (given === '') {
    if (keys.length === 0) return undefined
    throw new InputError(
      'signing-key is missing, and the runbook demands signed backups (backup.signed-by)',
      {
        hint: 'Give the job that backs up the private key, as the secret BACKUP_SIGNING_KEY; at a terminal, set RUNBOOK_SIGNING_KEY. A backup that is not signed would be refused when it is needed.',
      },
    )
  }
  const signing = readSigningKey('signing-key', given)
  if (keys.length === 0 || keys.some(({ keyid }) => keyid === signing.keyid)) return signing
  throw new InputError('signing-key is the key of none of backup.signed-by of the runbook', {
    hint: `Add its public key there: ${showVerifyingKey(signing)}; or give the job the key that belongs to one of those.`,
  })
}

/** Who vouches for what was read, for the summary. */
export function describeProof(proof: Proof): Evidence {
  const subject = 'signature'
  return proof.kind === 'signed'
    ? { subject, finding: `signed by the key ${proof.keyid.slice(0, 16)} of the runbook`, tone: 'good' }
    : unsignedFinding
}

/** Stands in the warning of a runbook that names no key; no step ends with it. */
export const unsignedCode: Reason = 'backup-unsigned'

/** The warning of a runbook that names no key. */
export const unsignedFinding: Evidence = {
  subject: 'signature',
  finding: `none is demanded (${unsignedCode}), so that every holder of the keys of the store can forge a backup. ${makeKeys}`,
  tone: 'warn',
}

/** Objects of which the notice says why they were passed over. */
const shown = 3

/** Names in one warning what was passed over. */
export function notePassedOver(uri: string, why: string[], { log }: Pick<Reading, 'log'>): void {
  if (why.length === 0) return
  const more = why.length > shown ? `; and ${why.length - shown} more` : ''
  log.warn(
    `${why.length} objects of ${uri} were passed over (backup-untrusted): ${why.slice(0, shown).join('; ')}${more}. Find out who wrote them.`,
  )
}

/** The refusal of an object of a store whose origin or age cannot be trusted. */
export function untrusted(uri: string, why: string, hint?: string): ToolError {
  return new ToolError(`${uri} is not trusted: ${why}`, {
    tool: 'backup store',
    reason: 'backup-untrusted',
    hint:
      hint ??
      'Find out who wrote it: every holder of the keys of the store can. Restore from another backup. If you trust it all the same, take what it does not meet (signed-by, encrypt-to) out of the runbook for this one run.',
  })
}

/**
 * The JSON document of an object: out of its envelope, where signatures are asked for or it has one.
 * @param payloadType what it must have been signed as
 * @throws ToolError (`backup-untrusted`) when no key of the runbook has signed it
 */
export function openDocument(
  uri: string,
  text: string,
  payloadType: string,
  { keys }: Pick<Reading, 'keys'>,
): { document: unknown; proof: Proof } {
  const outer = parse(uri, text)
  if (keys.length === 0 && !isEnvelope(outer)) return { document: outer, proof: { kind: 'unsigned' } }
  if (keys.length === 0) {
    const payload = Buffer.from((outer as { payload: string }).payload, 'base64')
    return { document: parse(uri, payload.toString('utf8')), proof: { kind: 'unsigned' } }
  }
  const opened = openEnvelope(outer, { payloadType, keys })
  if (opened.kind === 'refused') throw untrusted(uri, opened.why)
  const { payload, keyid } = opened
  return { document: parse(uri, payload.toString('utf8')), proof: { kind: 'signed', keyid } }
}

/** An object as it is stored: in an envelope where there is a key, else as plain JSON. */
export function sealDocument(text: string, payloadType: string, signing: SigningKey | undefined): string {
  return signing ? signEnvelope(payloadType, Buffer.from(text), signing) : text
}

/** True for a time that no clock of ours can have shown yet. @param time milliseconds since 1970 */
export function isFuture(time: number, { now }: Pick<Reading, 'now'>): boolean {
  return time > now + clockSkewMs
}

function parse(uri: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ToolError(`${uri} cannot be read: ${messageOf(cause)}`, {
      tool: 'backup store',
      hint: 'It does not count. Find out who wrote it; restore from another backup.',
      cause,
    })
  }
}

/** True for what is wrong with one object, and not with the way to its store: that must not look like an empty store. */
export function isOfObject({ tool, reason, code = 0 }: ToolError): boolean {
  return tool === 'backup store' || reason === 'too-large' || (code >= 400 && code < 500)
}
