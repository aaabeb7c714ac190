import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import {
  envDecrypt,
  envDecryptFields,
  envEncrypt,
  envEncryptFields,
} from '../../../shared/commands/operate/env-seal.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { environmentAt, realPorts } from '../gate/ports.ts'

const plain = 'NODE_ENV=production\nJWT_SECRET=do-not-show-this-1\n'
const passphrase = 'a passphrase of "some" $(length)'
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'env-'))
  file = join(folder, '.env.production')
  writeFileSync(file, plain, { mode: 0o644 })
})
afterEach(() => rmSync(folder, { recursive: true }))

const environment = () => environmentAt('', { root: folder, envFile: '.env.production' })
const ports = (env: Record<string, string>) => realPorts({ env: { PATH: process.env['PATH'], ...env } })

function encrypt(words: Record<string, string>, env: Record<string, string> = {}): Promise<Outcome> {
  const read = (name: string) => ({ environment: 'staging', ...words })[name] ?? ''
  return envEncrypt(environment(), parseInputs(envEncryptFields, read), ports(env))
}

function decrypt(env: Record<string, string>): Promise<Outcome> {
  const read = (name: string) => (name === 'environment' ? 'staging' : '')
  return envDecrypt(environment(), parseInputs(envDecryptFields, read), ports(env))
}

const modes = () => readdirSync(folder).map(name => [name, statSync(join(folder, name)).mode & 0o777])

test('an env-file goes to age recipients and comes back, for us and for the stock age', async () => {
  const identity = await generateX25519Identity()
  const sealed = await encrypt({ 'encrypt-to': await identityToRecipient(identity) })
  expect(sealed).toMatchObject({ status: 'success', reason: 'done' })
  expect(modes()).toEqual([
    ['.env.production', 0o600],
    ['.env.production.age', 0o600],
  ])
  const stock = execFileSync('age', ['-d', '-i', '-', `${file}.age`], { input: identity })
  expect(String(stock)).toBe(plain)
  rmSync(file)
  expect(await decrypt({ RUNBOOK_DECRYPT_WITH: identity })).toMatchObject({ status: 'success' })
  expect(readFileSync(file, 'utf8')).toBe(plain)
  expect(modes()).toContainEqual(['.env.production', 0o600])
})

test('the same with a passphrase, by GnuPG, as strong as the format has it', async () => {
  const sealed = await encrypt({}, { RUNBOOK_ENCRYPT_PASSPHRASE: passphrase })
  expect(sealed).toMatchObject({ status: 'success' })
  expect(JSON.stringify(sealed)).not.toContain(passphrase)
  const packets = execFileSync(
    'gpg',
    ['--batch', '--no-options', '--list-packets', '--list-only', `${file}.gpg`],
    {
      env: { ...process.env, GNUPGHOME: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  // cipher 9 is AES-256, hash 10 is SHA-512.
  expect(String(packets)).toMatch(/cipher 9,.*s2k 3, hash 10[\s\S]*count 65011712 /)
  rmSync(file)
  expect(await decrypt({ RUNBOOK_DECRYPT_WITH: 'another' })).toMatchObject({ status: 'failure' })
  expect(readdirSync(folder)).not.toContain('.env.production')
  expect(await decrypt({ RUNBOOK_DECRYPT_WITH: passphrase })).toMatchObject({ status: 'success' })
  expect(readFileSync(file, 'utf8')).toBe(plain)
})

test('what is there and says something else is not overwritten', async () => {
  const env = { RUNBOOK_ENCRYPT_PASSPHRASE: passphrase, RUNBOOK_DECRYPT_WITH: passphrase }
  await encrypt({}, env)
  expect(await decrypt(env)).toMatchObject({ status: 'success' })
  writeFileSync(file, 'NODE_ENV=staging\n')
  const refused = await decrypt(env)
  expect(refused).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(readFileSync(file, 'utf8')).toBe('NODE_ENV=staging\n')
  expect(readdirSync(folder).sort()).toEqual(['.env.production', '.env.production.gpg'])
})

test('without a key nothing is written', async () => {
  expect(await encrypt({})).toMatchObject({ reason: 'input-invalid' })
  expect(readdirSync(folder)).toEqual(['.env.production'])
  expect(await decrypt({})).toMatchObject({ reason: 'input-invalid' })
})
