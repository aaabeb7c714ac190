import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { signature, type AttestationRule } from '../../../shared/config/schema/attestation-rule.ts'
import { attestByKey, slsa, statementOf } from '../../sigstore.ts'
import { digestOf, openStage, type Stage } from './stage.ts'

const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const [ours, theirs, edwards] = [pair(), pair(), generateKeyPairSync('ed25519')]
const ruleFor = (key: KeyObject, predicate = signature): AttestationRule => ({
  kind: 'key',
  key: key.export({ type: 'spki', format: 'pem' }).toString(),
  predicate,
})
const rule = ruleFor(ours.publicKey)

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

/** As `cosign sign --key` without a bundle keeps it: under a tag, with the signature as an annotation. */
function signOldWay(key: KeyObject, digest: string): void {
  const payload = JSON.stringify({
    critical: {
      identity: { 'docker-reference': 'api' },
      image: { 'docker-manifest-digest': digest },
      type: 'cosign container image signature',
    },
    optional: {},
  })
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const layer = {
    mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
    digest: digestOf(payload),
    size: payload.length,
    annotations: {
      'dev.cosignproject.cosign/signature': sign(algorithm, Buffer.from(payload), key).toString('base64'),
    },
  }
  stage.contents.set(layer.digest, payload)
  stage.tags.set(`${stage.digest.replace(':', '-')}.sig`, JSON.stringify({ layers: [layer] }))
}

describe('a signature of cosign', () => {
  test.each([
    ['ECDSA', ours],
    ['Ed25519', edwards],
  ])('by the key of the runbook (%s) attests the image', async (_, { privateKey, publicKey }) => {
    signOldWay(privateKey, stage.digest)
    expect(await stage.attested(ruleFor(publicKey))).toContain('is attested by the key of image.attested-by')
  })

  test('by another key does not', async () => {
    signOldWay(theirs.privateKey, stage.digest)
    await expect(stage.attested(rule)).rejects.toMatchObject({
      reason: 'not-attested',
      message: expect.stringContaining('it is signed by another key'),
      hint: expect.stringContaining('image.attested-by'),
    })
  })

  test('of another image does not, though it lies with this one', async () => {
    const other = digestOf('another image')
    signOldWay(ours.privateKey, other)
    await expect(stage.attested(rule)).rejects.toThrow(`it is about ${other}`)
  })

  test('counts for no other statement', async () => {
    signOldWay(ours.privateKey, stage.digest)
    await expect(stage.attested(ruleFor(ours.publicKey, slsa))).rejects.toThrow('has no attestation of')
  })
})

describe('a bundle', () => {
  const bundle = (digest: string, key = ours.privateKey, predicate = signature) =>
    attestByKey(statementOf(digest, predicate), key)

  test('that refers to the image attests it', async () => {
    stage.list(stage.keep(bundle(stage.digest)))
    expect(await stage.attested(rule)).toContain('is attested')
  })

  test('is found by the tag that stands in for the referrers API', async () => {
    const manifests = [stage.keep(bundle(stage.digest))]
    stage.tags.set(stage.digest.replace(':', '-'), JSON.stringify({ schemaVersion: 2, manifests }))
    expect(await stage.attested(rule)).toContain('is attested')
  })

  test.each([
    [
      'is signed by another key',
      (digest: string) => bundle(digest, theirs.privateKey),
      'signature verification failed',
    ],
    ['is about another image', () => bundle(digestOf('x')), `it is about ${digestOf('x')}`],
    ['states something else', (digest: string) => bundle(digest, ours.privateKey, slsa), `it states ${slsa}`],
    ['is none', () => '{"mediaType":"x"}', 'it cannot be verified'],
    ['is no JSON', () => '<html>', 'it cannot be verified'],
  ])('that %s does not', async (_, made, why) => {
    stage.list(stage.keep(made(stage.digest)))
    await expect(stage.attested(rule)).rejects.toMatchObject({
      reason: 'not-attested',
      message: expect.stringContaining(why),
    })
  })

  test('whose statement was changed after it was signed does not', async () => {
    const signed = JSON.parse(bundle(digestOf('x'))) as { dsseEnvelope: { payload: string } }
    const changed = Buffer.from(JSON.stringify(statementOf(stage.digest, signature))).toString('base64')
    signed.dsseEnvelope.payload = changed
    stage.list(stage.keep(JSON.stringify(signed)))
    await expect(stage.attested(rule)).rejects.toThrow('signature verification failed')
  })
})

describe('a list of referrers', () => {
  const good = () => attestByKey(statementOf(stage.digest, signature), ours.privateKey)

  test('that names a bundle by a wrong digest or size is none, and keeps no other from being found', async () => {
    const entry = stage.keep(good())
    const wrong = { ...entry, digest: digestOf('nothing') }
    stage.contents.set(wrong.digest, 'something else')
    stage.list(wrong, { ...entry, size: entry.size + 1 })
    await expect(stage.attested(rule)).rejects.toMatchObject({ reason: 'not-attested' })
    stage.list(wrong, entry)
    expect(await stage.attested(rule)).toContain('is attested')
  })

  test.each([['[]'], ['{"manifests":[{"digest":"../../etc","size":1}]}'], ['<html>']])(
    'that is %s is none',
    async referrers => {
      stage.referrers = referrers
      await expect(stage.attested(rule)).rejects.toThrow('its list of referrers is none')
    },
  )

  test('that is empty says what to do', async () => {
    stage.list()
    await expect(stage.attested(rule)).rejects.toMatchObject({
      reason: 'not-attested',
      message: `${stage.host} has no attestation of ${stage.host}/api@${stage.digest}`,
      hint: expect.stringContaining('sign it with cosign'),
    })
  })
})

test('a key that is none is an input error that names it', async () => {
  await expect(stage.attested({ kind: 'key', key: 'x', predicate: signature })).rejects.toThrow(
    'image.attested-by.key is no public key',
  )
})
