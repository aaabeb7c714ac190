import { randomBytes } from 'node:crypto'
import { chmod, link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError, messageOf, ToolError } from '../../outcome/errors.ts'
import type { Conclusion, Outcome } from '../../outcome/outcome.ts'
import { acceptedRecipients, identityPattern, openWithIdentity } from '../../backup/encryption/age.ts'
import { sealWithPassphrase } from '../../backup/encryption/gpg.ts'
import type { Opening, Through } from '../../backup/encryption/seal.ts'
import { chooseSealing } from '../../backup/encryption/sealing.ts'
import { collectWithin } from '../../host/within-limit.ts'
import { decodeText } from '../../config/text-file.ts'
import type { Environment } from '../../config/environment.ts'
import { commonFields, text, type Fields, type Inputs } from '../step/inputs.ts'
import type { Ports } from '../step/ports.ts'
import { runStep } from '../step/step.ts'

/** Where the passphrase is taken from: never from an argument, which every user of the machine could read. */
const passphraseVariable = 'RUNBOOK_ENCRYPT_PASSPHRASE'
/** Where the age identity, or the passphrase, is taken from. */
const keyVariable = 'RUNBOOK_DECRYPT_WITH'

export const envEncryptFields = {
  ...commonFields,
  'encrypt-to': text(
    `age recipients (public keys). Default: the runbook's backup.encrypt-to; where ${passphraseVariable} is set, GnuPG encrypts with that passphrase instead (AES-256).`,
    acceptedRecipients,
  ),
} satisfies Fields

export const envDecryptFields = { ...commonFields } satisfies Fields

/** Writes the environment's env-file beside itself, encrypted, so that it can be kept in the repository. */
export function envEncrypt(
  environment: Environment,
  inputs: Inputs<typeof envEncryptFields>,
  ports: Ports,
): Promise<Outcome> {
  const subject = { step: 'env:encrypt', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async () => {
    const file = requireEnvFile(environment)
    const passphrase = secretOf(ports, passphraseVariable)
    const configured = passphrase === '' ? (environment.backup?.encryptTo ?? []).join(' ') : ''
    const sealing = await chooseSealing(ports, {
      encryptTo: inputs['encrypt-to'] || configured,
      where: 'encrypt-to',
      passphrase,
      identity: '',
    })
    if (sealing.encryption.how === 'none')
      throw InputError.of(
        'encrypt-to',
        undefined,
        acceptedRecipients,
        `Set encrypt-to to ${acceptedRecipients}; or put a passphrase into ${passphraseVariable}.`,
      )
    const plain = await readFile(resolve(environment.root, file)).catch((cause: unknown) => {
      throw new InputError(`${file} cannot be read`, {
        hint: 'Write it first, or correct env-file in the runbook.',
        cause,
      })
    })
    decodeText(`env-file: ${file}`, file, plain)
    const sealed = await through(sealing.seal, plain)
    if (!(await through(sealing.open, sealed)).equals(plain))
      throw new ToolError(`${file} does not come back from its encryption as it was`, {
        tool: sealing.encryption.how,
        hint: 'Nothing was written. Report this.',
      })
    const target = `${file}.${sealing.encryption.how}`
    const draft = await writeDraft(environment.root, target, sealed)
    await rename(draft, resolve(environment.root, target))
    const { mode } = await stat(resolve(environment.root, file))
    if ((mode & 0o077) !== 0) await chmod(resolve(environment.root, file), 0o600)
    return {
      status: 'success',
      reason: 'done',
      summary: `${target} holds ${file}, encrypted; both are of mode 600.`,
      next: `Keep ${file} itself out of the repository.`,
    }
  })
}

/** Writes the env-file out of its encrypted form. One that is there and says something else stays as it is. */
export function envDecrypt(
  environment: Environment,
  _inputs: Inputs<typeof envDecryptFields>,
  ports: Ports,
): Promise<Outcome> {
  const subject = { step: 'env:decrypt', service: environment.service, environment: environment.name }
  return runStep(subject, ports, 'tool-failed', async (): Promise<Conclusion> => {
    const file = requireEnvFile(environment)
    const { source, how, sealed } = await findSealed(environment.root, file)
    const { open } = await openerOf(ports, source, how)
    const plain = await through(open, sealed)
    const draft = await writeDraft(environment.root, file, plain)
    try {
      // Unlike a rename, a link never replaces what is there.
      await link(draft, resolve(environment.root, file))
    } catch (cause) {
      const there = await readFile(resolve(environment.root, file)).catch(() => undefined)
      if (there === undefined)
        throw new InputError(`${file} cannot be written: ${messageOf(cause)}`, {
          hint: 'Put the checkout on a file system that has hard links, where this user may write.',
          cause,
        })
      if (!there.equals(plain))
        throw new InputError(`${file} is there, and is not what ${source} holds`, {
          hint: `Move ${file} away first; nothing was changed.`,
          cause,
        })
      await chmod(resolve(environment.root, file), 0o600)
    } finally {
      await rm(draft, { force: true })
    }
    return {
      status: 'success',
      reason: 'done',
      summary: `${file} holds what ${source} held; its mode is 600.`,
    }
  })
}

function requireEnvFile({ envFile, name }: Environment): string {
  if (envFile !== '') return envFile
  throw InputError.of(`environments.${name}.env-file`, undefined, 'a path inside the repository')
}

function secretOf({ env, secrets }: Ports, variable: string): string {
  const value = env[variable] ?? ''
  if (value !== '') secrets.add(value)
  return value
}

async function findSealed(root: string, file: string) {
  const found: { source: string; how: 'age' | 'gpg'; sealed: Buffer }[] = []
  for (const how of ['age', 'gpg'] as const) {
    const source = `${file}.${how}`
    const sealed = await readFile(resolve(root, source)).catch(() => undefined)
    if (sealed) found.push({ source, how, sealed })
  }
  const [only, other] = found
  if (only && !other) return only
  throw new InputError(
    only ? `${file}.age and ${file}.gpg are both there` : `neither ${file}.age nor ${file}.gpg is there`,
    { hint: only ? 'Remove the older one.' : 'Write it with env:encrypt.' },
  )
}

async function openerOf(ports: Ports, source: string, how: 'age' | 'gpg'): Promise<Opening> {
  const key = secretOf(ports, keyVariable)
  const isIdentity = identityPattern.test(key)
  if (how === 'age' && isIdentity) return openWithIdentity(keyVariable, key)
  if (how === 'gpg' && key !== '' && !isIdentity) return sealWithPassphrase(ports, key)
  const accepted = how === 'age' ? 'an age identity, a text like AGE-SECRET-KEY-1...' : 'the passphrase'
  throw new InputError(`${keyVariable} does not hold what opens ${source}; accepted: ${accepted}`, {
    hint: `Set the variable ${keyVariable} to ${accepted}.`,
  })
}

/** A file of mode 600 beside its place. @returns its path */
async function writeDraft(root: string, file: string, bytes: Buffer): Promise<string> {
  const draft = resolve(root, `${file}.${randomBytes(4).toString('hex')}.part`)
  await writeFile(draft, bytes, { mode: 0o600, flag: 'wx', flush: true })
  return draft
}

async function through(work: Through, bytes: Buffer): Promise<Buffer> {
  const source = (async function* () {
    yield await Promise.resolve(bytes)
  })()
  return collectWithin(work(source), { what: 'the env-file, once it is opened,', mostBytes: 16 * 2 ** 20 })
}
