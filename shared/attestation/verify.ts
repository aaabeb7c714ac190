import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { InputError, messageOf, ToolError } from '../outcome/errors.ts'
import type { LoginSource } from '../integrations/registry/docker-config.ts'
import { openHttp } from '../integrations/http/http.ts'
import { nameOf, parseImage } from '../integrations/registry/image-reference.ts'
import { connectRegistry } from '../integrations/registry/registry.ts'
import { readTextFile } from '../config/text-file.ts'
import { bundleFault, type Trust } from './bundle.ts'
import { findBundles, findSignatures, type Candidate } from './candidates.ts'
import { describeRule, signature, type AttestationRule } from '../config/schema/attestation-rule.ts'
import { simpleSigningFault } from './statement.ts'

/** Faults that a message lists. */
const mostShown = 3

/**
 * Requires an image to be attested as a rule wants it, by what its registry keeps with it.
 * @param root of the repository, which the trusted root's path is relative to
 * @param reference by digest: `registry.example.com/api@sha256:...`
 * @returns one line: who attested it
 * @throws InputError when the rule's key or trusted root cannot be used
 * @throws ToolError with the reason `not-attested` when nothing attests the image
 */
export async function requireAttested(
  rule: AttestationRule,
  root: string,
  reference: string,
  source: LoginSource,
): Promise<string> {
  const trust = readTrust(rule, root)
  const by = describeRule(rule)
  if (!/@sha256:[0-9a-f]{64}$/.test(reference))
    throw notAttested(
      `the image ${reference.slice(0, 80)} is in no registry, which could keep its attestation`,
    )
  const image = parseImage('image', reference)
  const shown = `${nameOf(image)}@${image.digest}`
  const http = openHttp('fresh')
  try {
    const ask = await connectRegistry(http, image, source)
    const isOld = rule.kind === 'key' && rule.predicate === signature
    const found = [...(await findBundles(ask, image)), ...(isOld ? await findSignatures(ask, image) : [])]
    if (found.length === 0) throw notAttested(`${image.registry} has no attestation of ${shown}`)
    const faults: string[] = []
    for (const candidate of found) {
      const fault = faultOf(candidate, image.digest, rule, trust)
      if (fault === undefined) return `${shown} is attested by ${by}`
      faults.push(fault)
    }
    const more = faults.length > mostShown ? `; and ${faults.length - mostShown} more` : ''
    throw notAttested(
      `nothing that ${image.registry} keeps with ${shown} attests it by ${by}: ${faults.slice(0, mostShown).join('; ')}${more}`,
    )
  } finally {
    http.close()
  }
}

function faultOf(
  candidate: Candidate,
  digest: string,
  rule: AttestationRule,
  trust: Trust,
): string | undefined {
  switch (candidate.kind) {
    case 'bundle':
      return bundleFault(candidate.text, digest, rule.predicate, trust)
    case 'signature':
      return trust.kind === 'key' ? signatureFault(candidate, digest, trust.key) : 'it names no workflow'
    case 'unreadable':
      return candidate.why
  }
}

function signatureFault(
  { payload, signature }: Extract<Candidate, { kind: 'signature' }>,
  digest: string,
  key: KeyObject,
): string | undefined {
  // Ed25519 hashes by itself; cosign takes SHA-256 with all other keys.
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  if (!verify(algorithm, payload, key, Buffer.from(signature, 'base64'))) return 'it is signed by another key'
  return simpleSigningFault(payload, digest)
}

function readTrust(rule: AttestationRule, root: string): Trust {
  if (rule.kind === 'key') return { kind: 'key', key: readKey(rule.key) }
  const { text } = readTextFile({
    input: 'image.attested-by.trusted-root',
    root,
    file: rule.trustedRoot,
    missing: `Write it with: gh attestation trusted-root > ${rule.trustedRoot}; then commit it.`,
  })
  return { kind: 'roots', roots: readRoots(rule.trustedRoot, text), rule }
}

/** One JSON document, or one a line, as `gh attestation trusted-root` writes them. */
function readRoots(file: string, text: string): TrustedRoot[] {
  const documents = isJson(text) ? [text] : text.split('\n').filter(line => line.trim() !== '')
  try {
    const roots = documents.map(each => TrustedRoot.fromJSON(JSON.parse(each)))
    if (roots.some(each => each.certificateAuthorities.length > 0)) return roots
  } catch (cause) {
    throw unusableRoot(file, messageOf(cause))
  }
  throw unusableRoot(file, 'it has no certificate authority')
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function unusableRoot(file: string, why: string): InputError {
  return new InputError(`${file} is no trusted root of Sigstore: ${why}`, {
    hint: `Write it anew with: gh attestation trusted-root > ${file}`,
  })
}

function readKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (cause) {
    throw new InputError('image.attested-by.key is no public key in PEM; accepted: Ed25519, ECDSA or RSA', {
      hint: 'Copy the content of cosign.pub, with its first and last line.',
      cause,
    })
  }
}

function notAttested(message: string): ToolError {
  return new ToolError(message, {
    tool: 'registry',
    reason: 'not-attested',
    hint: 'Deploy an image that the named workflow or key has attested: attest it in the build (actions/attest-build-provenance with push-to-registry), or sign it with cosign. image.attested-by of the runbook says what is required.',
  })
}
