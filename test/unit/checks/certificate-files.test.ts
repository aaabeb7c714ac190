import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { certificateFiles } from '../../../shared/checks/environment/certificate-files.ts'
import { resolveChecks } from '../../../shared/config/checks.ts'
import { contextOf } from './context.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'certificate-files-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const openssl = (...words: string[]) => execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' })

test.each([
  ['PKCS #8', []],
  ['the older form', ['-traditional']],
])('a key with a passphrase is said to be encrypted: %s', async (_form, form) => {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'plain',
    '-out',
    'crt',
    '-subj',
    '/CN=api',
  )
  openssl('rsa', '-in', 'plain', '-out', 'key', '-aes256', '-passout', 'pass:secret', ...form)
  const certificate = { file: join(folder, 'crt'), key: join(folder, 'key') }
  const checks = resolveChecks(key => key, { certificate })
  expect(await certificateFiles.run(contextOf({ url: '', checks }))).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('is no private key: it is encrypted'),
    remedy: expect.stringContaining('without a passphrase'),
  })
})

test('a certificate whose public key cannot be decoded is a finding, and no fault of the check', async () => {
  const file = join(import.meta.dirname, '../../fuzz/corpus/certificate/undecodable-key')
  const checks = resolveChecks(key => key, { certificate: { file, key: join(folder, 'none') } })
  expect(await certificateFiles.run(contextOf({ url: '', checks }))).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('has a public key that cannot be read'),
  })
})
