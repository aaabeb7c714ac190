import { randomBytes } from 'node:crypto'
import { beforeAll, expect, test } from '@jest/globals'
import {
  Decrypter,
  Encrypter,
  generateIdentity,
  generateX25519Identity,
  identityToRecipient,
} from 'age-encryption'
import { openWithIdentity, sealTo } from '../../../shared/backup/encryption/age.ts'
import { InputError, ToolError } from '../../../shared/outcome/errors.ts'

let [identity, recipient] = ['', '']
beforeAll(async () => {
  identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
})

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size))
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000]

test.each(sizes)('another implementation opens %s bytes, and so do we', async size => {
  const bytes = randomBytes(size)
  const sealing = await sealTo('encrypt-to', [recipient])
  const sealed = await all(sealing.seal(pieces(bytes, 70_001)))
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  expect(Buffer.from(await decrypter.decrypt(sealed)).equals(bytes)).toBe(true)
  const opening = await openWithIdentity('decrypt-with', identity)
  expect((await all(opening.open(pieces(sealed, 50_021)))).equals(bytes)).toBe(true)
  expect((await all(sealing.open(pieces(sealed, 1_000)))).equals(bytes)).toBe(true)
})

test.each(sizes)('we open %s bytes that another implementation sealed', async size => {
  const bytes = randomBytes(size)
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  const sealed = Buffer.from(await encrypter.encrypt(bytes))
  const { open } = await openWithIdentity('decrypt-with', identity)
  expect((await all(open(pieces(sealed, 65_536)))).equals(bytes)).toBe(true)
})

test('several recipients, post-quantum ones too, each open it', async () => {
  const others = [identity, await generateIdentity()]
  const sealing = await sealTo('encrypt-to', await Promise.all(others.map(identityToRecipient)))
  const sealed = await all(sealing.seal(pieces(Buffer.from('rows'), 4)))
  for (const other of others) {
    const { open } = await openWithIdentity('decrypt-with', other)
    expect(String(await all(open(pieces(sealed, 100))))).toBe('rows')
  }
})

test('the same recipients seal the same bytes differently every time', async () => {
  const sealing = await sealTo('encrypt-to', [recipient])
  const [one, two] = await Promise.all([1, 2].map(() => all(sealing.seal(pieces(Buffer.from('rows'), 4)))))
  expect(one?.equals(two ?? Buffer.alloc(0))).toBe(false)
})

test.each<[string, (sealed: Buffer) => Buffer]>([
  ['cut by a byte', bytes => bytes.subarray(0, -1)],
  ['cut at the end of a chunk', bytes => bytes.subarray(0, -(1_000_000 % 65_536) - 16)],
  ['with a bit flipped', bytes => Buffer.from(bytes.map((byte, at) => (at === 500_000 ? byte ^ 1 : byte)))],
  ['with a chunk repeated', bytes => Buffer.concat([bytes, bytes.subarray(-65_552)])],
  ['cut within its header', bytes => bytes.subarray(0, 60)],
])('what is %s is said to be damaged', async (_what, spoil) => {
  const sealing = await sealTo('encrypt-to', [recipient])
  const sealed = spoil(await all(sealing.seal(pieces(randomBytes(1_000_000), 65_536))))
  await expect(all(sealing.open(pieces(sealed, 65_536)))).rejects.toThrow(ToolError)
  const { open } = await openWithIdentity('decrypt-with', identity)
  await expect(all(open(pieces(sealed, 65_536)))).rejects.toThrow('damaged')
})

test('another identity is refused as what it is', async () => {
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  const sealed = Buffer.from(await encrypter.encrypt('rows'))
  const { open } = await openWithIdentity('decrypt-with', await generateX25519Identity())
  await expect(all(open(pieces(sealed, 100)))).rejects.toThrow('is not the identity of any recipient')
})

test.each(['age1nonsense', 'ssh-ed25519 AAAA', 'AGE-SECRET-KEY-1QQQ'])('%s is no recipient', async text => {
  await expect(sealTo('encrypt-to', [text])).rejects.toThrow(InputError)
})

test('a mistyped identity is not shown', async () => {
  const refusal = await openWithIdentity('decrypt-with', 'AGE-SECRET-KEY-1MISTYPED').catch(String)
  expect(refusal).toContain('decrypt-with is no age identity')
  expect(refusal).not.toContain('MISTYPED')
})
