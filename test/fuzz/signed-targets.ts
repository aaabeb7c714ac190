import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import type { WorkflowRule } from '../../shared/config/schema/attestation-rule.ts'
import type { Trust } from '../../shared/attestation/bundle.ts'
import type { Target } from './fuzz.ts'

/** Readers of documents that are signed, of what names a signer, and of what says who may be asked for a login. */
export async function signedDocuments(folder: string): Promise<Target[]> {
  const { openDocument } = await import('../../shared/backup/encryption/trust.ts')
  const { readSigningKey, signEnvelope } = await import('../../shared/backup/encryption/signature.ts')
  const { parseManifest } = await import('../../shared/backup/storage/manifest.ts')
  const { bundleFault } = await import('../../shared/attestation/bundle.ts')
  const { simpleSigningFault, statementFault } = await import('../../shared/attestation/statement.ts')
  const { parseKubeconfig, connect } = await import('../../shared/targets/kubernetes/api/kubeconfig.ts')
  const { certificateFiles } = await import('../../shared/checks/environment/certificate-files.ts')
  const { answerChallenge } = await import('../../shared/integrations/registry/registry-token.ts')
  const { parseImage } = await import('../../shared/integrations/registry/image-reference.ts')
  const signing = readSigningKey('signing-key', pem)
  const reading = { keys: [signing] }
  const root = TrustedRoot.fromJSON(JSON.parse(readFileSync(join(corpus, 'trusted-root'), 'utf8')))
  const genuine = readFileSync(join(corpus, 'attestation-roots/bundle'), 'utf8')
  const rule: WorkflowRule = {
    ...{
      kind: 'workflow',
      server: 'https://github.com',
      issuer: 'https://token.actions.githubusercontent.com',
    },
    ...{ repository: 'org/api', workflow: '', trustedRoot: '', predicate: slsa },
  }
  const file = join(folder, 'certificate.pem')
  return [
    {
      name: 'envelope',
      read(input) {
        const opened = openDocument('s3://b/m.json', input.toString('utf8'), manifestType, reading)
        // Only this file has the key: an input that is taken holds what was signed.
        if (JSON.stringify(opened.document) !== '{"signed":"here"}')
          throw new RangeError('a forgery is taken')
        return opened
      },
    },
    {
      name: 'signed-manifest',
      read: input => parseManifest('s3://b/m.json', signEnvelope(manifestType, input, signing), reading),
    },
    {
      name: 'attestation-key',
      read(input) {
        const trust = { kind: 'key', key: createPublicKey(createPrivateKey(pem)) } as const
        return refused(bundleFault(input.toString('utf8'), digest, slsa, trust), input, byKey)
      },
    },
    {
      name: 'attestation-roots',
      read(input) {
        const trust: Trust = { kind: 'roots', roots: [root], rule }
        return refused(bundleFault(input.toString('utf8'), digest, slsa, trust), input, genuine)
      },
    },
    {
      name: 'attestation-statement',
      read: input => [statementFault(input, digest, slsa), simpleSigningFault(input, digest)],
    },
    {
      name: 'kubeconfig',
      read(input) {
        const kubeconfig = input.toString('utf8')
        const parsed = parseKubeconfig('kubeconfig', kubeconfig, '')
        const adapters = { kubeconfig, env: { HOME: '/nonexistent' }, secrets: { add: () => undefined } }
        return [parsed, connect(adapters as never, undefined).server.href]
      },
    },
    {
      name: 'certificate',
      read(input) {
        writeFileSync(file, input, { mode: 0o600 })
        const environment = { url: '', checks: { certificate: { file, key: file, renewBeforeMs: 1 } } }
        const signal = new AbortController().signal
        return certificateFiles.run({ environment, clock: { now: () => 1.8e12 }, signal } as never)
      },
    },
    {
      name: 'registry-challenge',
      async read(input) {
        const registry = new URL('https://registry.example.com')
        const http = {
          request({ url = '' }) {
            const { protocol, hostname } = new URL(url)
            if (protocol !== 'https:' || !/(^|\.)example\.com$/.test(hostname))
              throw new RangeError(`the login is sent to ${url}`)
            return Promise.resolve({ status: 200, body: '{"token":"t"}', truncated: false })
          },
        }
        const headers = { 'www-authenticate': input.toString('utf8') }
        return answerChallenge(
          {
            http: http as never,
            image: parseImage('image', 'registry.example.com/api:1'),
            registry,
            login: { username: 'u', password: 'p', identityToken: '' },
            tokenHosts: [],
            signal: new AbortController().signal,
          },
          { headers, url: 'https://registry.example.com/v2/', status: 401 } as never,
        )
      },
    },
  ]
}

const corpus = join(import.meta.dirname, 'corpus')
const manifestType = 'application/vnd.runbook-actions.backup-manifest+json'
const slsa = 'https://slsa.dev/provenance/v1'
const digest = `sha256:${'a'.repeat(64)}`
/** An Ed25519 key (RFC 8410) of 32 equal bytes, so that envelopes in the corpus stay signed by it. It signs nothing else. */
const pem = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 1)]),
  format: 'der',
  type: 'pkcs8',
}).export({ type: 'pkcs8', format: 'pem' }) as string
const byKey = readFileSync(join(corpus, 'attestation-key/bundle'), 'utf8')

/** A bundle that is taken has the statement of the one that was signed. */
function refused(fault: string | undefined, input: Buffer, genuine: string): string | undefined {
  if (fault === undefined && payloadOf(input.toString('utf8')) !== payloadOf(genuine))
    throw new RangeError('a forgery is taken')
  return fault
}

function payloadOf(bundle: string): string {
  const { dsseEnvelope } = JSON.parse(bundle) as { dsseEnvelope: { payload: string } }
  return Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8')
}
