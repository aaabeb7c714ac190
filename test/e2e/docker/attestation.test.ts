import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { systemExec } from '../../../shared/host/exec.ts'
import { createSecrets } from '../../../shared/host/secrets/secrets.ts'
import { resolveImage } from '../../../shared/integrations/registry/registry.ts'
import { signature, type AttestationRule } from '../../../shared/config/schema/attestation-rule.ts'
import type { Environment } from '../../../shared/config/environment.ts'
import type { Outcome } from '../../../shared/outcome/outcome.ts'
import { deploy } from '../../../shared/commands/deploy/deploy.ts'
import { deployFields } from '../../../shared/commands/deploy/deploy-fields.ts'
import { finish } from '../../../shared/commands/promote/finish.ts'
import { parseInputs } from '../../../shared/commands/step/inputs.ts'
import { createPorts, type RunnerPorts } from '../../../shared/commands/step/machine.ts'
import { rollback } from '../../../shared/commands/rollback/rollback.ts'
import { rollbackFields } from '../../../shared/commands/rollback/rollback-fields.ts'
import { silent } from '../../log.ts'
import { attestByKey, statementOf } from '../../sigstore.ts'
import { environmentAt } from '../gate/ports.ts'
import { enterYard, pushImages, type Yard } from './yard.ts'

const port = 23_240
const [ours, theirs] = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
]
const key = ours.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const rule: AttestationRule = { kind: 'key', key, predicate: signature }

let yard: Yard
const opened: RunnerPorts[] = []
beforeAll(() => {
  yard = enterYard('attestation', port, pushImages())
})
afterAll(async () => {
  await Promise.all(opened.map(ports => ports.close()))
  await yard.leave()
})

const digestOf = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`

/** Pushes a bundle to the lab's registry, as the referrer of an image. */
async function attach(image: string, bundle: string): Promise<void> {
  const [, host = '', name = '', digest = ''] = /^([^/]+)\/(.+)@(.+)$/.exec(image) ?? []
  const at = `http://${host}/v2/${name}`
  const type = 'application/vnd.dev.sigstore.bundle.v0.3+json'
  const upload = async (text: string) => {
    const begun = await fetch(`${at}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(begun.headers.get('location') ?? '', at)
    place.searchParams.set('digest', digestOf(text))
    await fetch(place, { method: 'PUT', body: text, headers: { 'content-type': 'application/octet-stream' } })
    return { digest: digestOf(text), size: Buffer.byteLength(text) }
  }
  const put = async (reference: string, manifest: object, mediaType: string) => {
    const text = JSON.stringify(manifest)
    const headers = { 'content-type': mediaType }
    const answer = await fetch(`${at}/manifests/${reference}`, { method: 'PUT', body: text, headers })
    if (!answer.ok) throw new Error(`${reference}: ${answer.status} ${await answer.text()}`)
    return { digest: digestOf(text), size: Buffer.byteLength(text) }
  }
  const manifestType = 'application/vnd.oci.image.manifest.v1+json'
  const indexType = 'application/vnd.oci.image.index.v1+json'
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    artifactType: type,
    config: { mediaType: 'application/vnd.oci.empty.v1+json', ...(await upload('{}')) },
    layers: [{ mediaType: type, ...(await upload(bundle)) }],
    subject: { mediaType: manifestType, digest, size: 1 },
  }
  const entry = {
    mediaType: manifestType,
    artifactType: type,
    ...(await put(digestOf(JSON.stringify(manifest)), manifest, manifestType)),
  }
  // What a client keeps for registries that have no referrers API.
  const tag = digest.replace(':', '-')
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [entry] }
  await put(tag, index, indexType)
}

function enter(required: boolean) {
  const environment: Environment = {
    ...environmentAt(''),
    service: 'probe',
    name: 'production',
    target: { kind: 'docker', container: yard.container, ports: [`${port}:3000`] },
    image: required ? { tokenHosts: [], attestedBy: rule } : { tokenHosts: [] },
  }
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    DOCKER_HOST: yard.lab.docker.host,
  }
  const { signal } = new AbortController()
  const machine = { log: silent, secrets: createSecrets(), env, pid: process.pid, signal }
  const ports = createPorts(machine, environment, '')
  opened.push(ports)
  const read = (given: Record<string, string>) => (name: string) =>
    ({ environment: 'production', timeout: '1m', ...given })[name] ?? ''
  return {
    async release(version: string, image: string): Promise<Outcome> {
      const deployed = await deploy(environment, parseInputs(deployFields, read({ version, image })), ports)
      return deployed.status === 'success' ? finish(environment, deployed.outputs, ports) : deployed
    },
    back: (given: Record<string, string> = {}) =>
      rollback(environment, parseInputs(rollbackFields, read(given)), ports),
  }
}

const pinned = async (image: string) => {
  const { signal } = new AbortController()
  return (await resolveImage(image, { env: {}, exec: systemExec, signal })).pinned
}
const bundle = (digest: string, by: KeyObject) => attestByKey(statementOf(digest, signature), by)
const digestIn = (image: string) => image.split('@')[1] ?? ''

test('only an image that the key has attested is deployed, and rolled back to', async () => {
  const [first, second] = [await pinned(yard.images.plain), await pinned(yard.images.quick)]
  expect(await enter(false).release('v1.0.0', first)).toMatchObject({ status: 'success' })
  const demanding = enter(true)
  const refused = { status: 'failure', reason: 'not-attested' }

  expect(await demanding.release('v2.0.0', second)).toMatchObject(refused)
  await attach(second, bundle(digestIn(second), theirs.privateKey))
  expect(await demanding.release('v2.0.0', second)).toMatchObject(refused)
  await attach(second, bundle(digestIn(first), ours.privateKey))
  expect(await demanding.release('v2.0.0', second)).toMatchObject({
    ...refused,
    summary: expect.stringContaining(`it is about ${digestIn(first)}`),
  })
  expect(yard.docker('inspect', '--format', '{{.Config.Image}}', yard.container).trim()).toBe(first)

  await attach(second, bundle(digestIn(second), ours.privateKey))
  expect(await demanding.release('v2.0.0', second)).toMatchObject({ status: 'success' })

  // The release before was made when no attestation was required.
  expect(await demanding.back({ to: 'v1.0.0' })).toMatchObject(refused)
  expect(await demanding.back({ to: 'v1.0.0', 'dry-run': 'true' })).toMatchObject(refused)
  expect(yard.docker('inspect', '--format', '{{.Config.Image}}', yard.container).trim()).toBe(second)
  await attach(first, bundle(digestIn(first), ours.privateKey))
  expect(await demanding.back({ to: 'v1.0.0' })).toMatchObject({ reason: 'restored-unverified' })

  // What was recorded as attested is believed, whatever the registry keeps by now.
  await attach(second, bundle(digestIn(second), theirs.privateKey))
  expect(await demanding.back({ to: 'v2.0.0' })).toMatchObject({ reason: 'restored-unverified' })
})
