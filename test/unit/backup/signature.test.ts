import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { openEnvelope, readSigningKey, signEnvelope } from '../../../shared/backup/encryption/signature.ts'
import { readVerifyingKey, showVerifyingKey } from '../../../shared/config/verifying-key.ts'
import { makeKeyPair } from '../../backup-store.ts'

const payloadType = 'application/vnd.example+json'
const payload = Buffer.from('{"a":1}')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'signature-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
const openssl = (...args: string[]) =>
  execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' })

test('keys of OpenSSL sign, and OpenSSL verifies what they signed', () => {
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'signing-key.pem')
  const shown = openssl('pkey', '-in', 'signing-key.pem', '-pubout', '-out', 'public.pem')
  expect(shown).toBe('')
  const signing = readSigningKey('signing-key', readFileSync(join(folder, 'signing-key.pem'), 'utf8'))
  const envelope = JSON.parse(signEnvelope(payloadType, payload, signing)) as {
    payload: string
    signatures: [{ keyid: string; sig: string }]
  }
  // By hand, as the DSSE protocol has it.
  writeFileSync(
    join(folder, 'pae'),
    `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload.toString()}`,
  )
  writeFileSync(join(folder, 'sig'), Buffer.from(envelope.signatures[0].sig, 'base64'))
  const verified = openssl(
    'pkeyutl',
    '-verify',
    '-rawin',
    '-in',
    'pae',
    '-sigfile',
    'sig',
    '-pubin',
    '-inkey',
    'public.pem',
  )
  expect(verified).toContain('Signature Verified Successfully')
  const pem = readFileSync(join(folder, 'public.pem'), 'utf8')
  const line = pem.split('\n')[1] ?? ''
  for (const text of [pem, line, ` ${line}\n`]) {
    const key = readVerifyingKey(text)
    expect(key?.keyid).toBe(envelope.signatures[0].keyid)
    expect(key && showVerifyingKey(key)).toBe(line)
  }
})

test('an envelope opens for a key of the list, and for nothing else', () => {
  const [one, other] = [makeKeyPair(), makeKeyPair()]
  const envelope = JSON.parse(signEnvelope(payloadType, payload, one)) as Record<string, unknown>
  const opened = { kind: 'signed', payload, keyid: one.keyid }
  expect(openEnvelope(envelope, { payloadType, keys: [other, one] })).toEqual(opened)
  expect(openEnvelope(envelope, { payloadType, keys: [other] }).kind).toBe('refused')
  expect(openEnvelope(envelope, { payloadType: 'application/other', keys: [one] }).kind).toBe('refused')
  // The type is signed with the payload, and so is the payload.
  const altered = [
    { ...envelope, payloadType: 'application/other' },
    { ...envelope, payload: Buffer.from('{"a":2}').toString('base64') },
    { ...envelope, signatures: [] },
    { ...envelope, signatures: [{ keyid: one.keyid, sig: Buffer.alloc(64).toString('base64') }] },
    { ...envelope, signatures: 'x' },
    { a: 1 },
    null,
    'text',
  ]
  for (const each of altered)
    for (const type of [payloadType, 'application/other'])
      expect(openEnvelope(each, { payloadType: type, keys: [one] }).kind).toBe('refused')
  // The id in it is a hint that every writer can set.
  const [signature] = envelope['signatures'] as [{ sig: string }]
  const renamed = { ...envelope, signatures: [{ keyid: other.keyid, sig: signature.sig }] }
  expect(openEnvelope(renamed, { payloadType, keys: [one, other] })).toEqual(opened)
})

test('what is no such key is refused without being shown', () => {
  openssl('genpkey', '-algorithm', 'rsa', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', 'rsa.pem')
  const rsa = readFileSync(join(folder, 'rsa.pem'), 'utf8')
  for (const text of ['secret-text', rsa, showVerifyingKey(makeKeyPair())]) {
    const refusal = () => readSigningKey('signing-key', text)
    expect(refusal).toThrow('signing-key is not a key that signs')
    expect(refusal).not.toThrow(text.slice(0, 11))
  }
  expect(readVerifyingKey(makeKeyPair().pem)).toBeUndefined()
  expect(readVerifyingKey('age1abc')).toBeUndefined()
})
