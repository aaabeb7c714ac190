import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import type { Manifest } from '../../../shared/backup/storage/manifest.ts'
import { noise, openScene, succeeded, type Scene } from './scene.ts'

/* What is stored has to open without this suite, on the day when nothing else is left. */

const passphrase = 'correct horse; battery "staple" $(x) é'
let scene: Scene
let [identity, recipient] = ['', '']
beforeAll(async () => {
  scene = await openScene()
  await scene.sql(noise(1_000))
  identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
  writeFileSync(join(scene.folder, 'identity'), identity, { mode: 0o600 })
})
afterAll(async () => {
  // gpg leaves its agent running.
  execFileSync('gpgconf', ['--kill', 'gpg-agent'], { env: { ...process.env, GNUPGHOME: scene.folder } })
  await scene.close()
})

const most = { maxBuffer: 2 ** 26 }

/** What people would type. */
const openers: Record<string, (sealed: Buffer) => Buffer> = {
  none: sealed => sealed,
  age: input => execFileSync('age', ['--decrypt', '-i', join(scene.folder, 'identity')], { input, ...most }),
  gpg: sealed => {
    const input = Buffer.concat([Buffer.from(`${passphrase}\n`), sealed])
    const args = ['--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase-fd', '0', '--decrypt']
    return execFileSync('gpg', args, { input, env: { ...process.env, GNUPGHOME: scene.folder }, ...most })
  },
}

test.each([
  ['none', {}, 'none'],
  ['age', { 'encrypt-to': () => recipient }, 'session'],
  ['age', { 'encrypt-to': () => recipient, 'decrypt-with': () => identity }, 'key'],
  ['gpg', { 'encrypt-passphrase': () => passphrase }, 'key'],
])(
  '%s: stock tools open it, and it says what was proved of it',
  async (how, said, opened) => {
    const inputs = Object.fromEntries(Object.entries(said).map(([name, value]) => [name, value()]))
    const outcome = succeeded(await scene.backUp(inputs))
    expect(JSON.stringify(outcome)).not.toContain(passphrase)
    expect(JSON.stringify(outcome)).not.toContain(identity)
    const file = fileURLToPath(outcome.outputs['backup-uri'] ?? '')
    expect(file.endsWith(how === 'none' ? '.dump.zst' : `.dump.zst.${how}`)).toBe(true)
    const sealed = readFileSync(file)
    expect(createHash('sha256').update(sealed).digest('hex')).toBe(outcome.outputs['sha256'])
    const manifest = JSON.parse(readFileSync(file.replace(/dump\.zst.*$/, 'json'), 'utf8')) as Manifest
    expect(manifest).toMatchObject({ encryption: { how }, verified: { how: 'restore', opened } })

    const dump = execFileSync('zstd', ['-d', '-c'], { input: openers[how]?.(sealed) ?? '', ...most })
    expect(dump.length).toBe(manifest.dumpedBytes)
    const plain = join(scene.folder, 'plain')
    writeFileSync(plain, dump)
    const listed = execFileSync(join(scene.lab.postgres.binDir, 'pg_restore'), ['--list', plain])
    expect(String(listed)).toContain('TABLE DATA public noise')

    const key = { none: '', age: identity, gpg: passphrase }[how] ?? ''
    const into = `${scene.database}-${how}-${opened}`
    const restored = succeeded(
      await scene.restore({ into, backup: outcome.outputs['backup-uri'] ?? '', 'decrypt-with': key }),
    )
    expect(restored.outputs).toMatchObject({ rows: '1000' })
  },
  60_000,
)

test('an encrypted backup is not restored without its key, and says which one it takes', async () => {
  const sealed = succeeded(await scene.backUp({ 'encrypt-to': recipient, verify: 'list' }))
  const backup = sealed.outputs['backup-uri'] ?? ''
  const into = `${scene.database}-nothing`
  const without = await scene.restore({ into, backup })
  expect(without).toMatchObject({ status: 'failure', reason: 'restore-refused' })
  expect(without.summary).toContain(recipient)
  const other = await generateX25519Identity()
  const wrong = await scene.restore({ into, backup, 'decrypt-with': other })
  expect(wrong.status).toBe('failure')
  expect(wrong.summary).toContain('not the identity of any recipient')
  expect(JSON.stringify(wrong)).not.toContain(other)
  expect(await scene.databases()).not.toContain(into)
})

test('what contradicts itself is refused before anything is dumped', async () => {
  const both = await scene.backUp({ 'encrypt-to': recipient, 'encrypt-passphrase': passphrase })
  expect(both).toMatchObject({ status: 'failure', reason: 'input-invalid' })
  expect(await scene.backUp({ 'decrypt-with': identity })).toMatchObject({ reason: 'input-invalid' })
})
