import { createHash } from 'node:crypto'

/** What an image has to be attested by, before it may run. */
export type AttestationRule = KeyRule | WorkflowRule

/** A signature by a key, as `cosign sign --key` and `cosign attest --key` make them. */
export interface KeyRule {
  kind: 'key'
  /** Public key, PEM: Ed25519, ECDSA or RSA. */
  key: string
  /** Type of the statement that is signed. */
  predicate: string
}

/** A statement that a workflow of GitHub Actions has signed with a Sigstore certificate of its identity. */
export interface WorkflowRule {
  kind: 'workflow'
  /** `org/api`: where the workflow ran. */
  repository: string
  /** `org/runbook-actions/.github/workflows/release.yml`: whose steps they were; empty: any of the repository. */
  workflow: string
  /** OIDC issuer of the identity. */
  issuer: string
  /** Where the repositories of that issuer are: `https://github.com`. */
  server: string
  predicate: string
  /** Path of Sigstore trusted roots, relative to the repository: one JSON document, or one a line. */
  trustedRoot: string
}

/** Provenance (https://slsa.dev/spec/v1.0/provenance), as actions/attest-build-provenance makes it. */
export const provenance = 'https://slsa.dev/provenance/v1'
/** What `cosign sign` states: that the image was signed, and nothing of it. */
export const signature = 'https://sigstore.dev/cosign/sign/v1'

/**
 * A rule as one word, which is recorded with a release that met it: the same rule for ever, and another one when a key, a
 * repository or a type is changed. The trusted root is no part of it: it is renewed from time to time.
 */
export function ruleId(rule: AttestationRule): string {
  const parts =
    rule.kind === 'key'
      ? [rule.kind, rule.key.trim(), rule.predicate]
      : [rule.kind, rule.issuer, rule.server, rule.repository, rule.workflow, rule.predicate]
  return `sha256:${createHash('sha256').update(JSON.stringify(parts)).digest('hex')}`
}

/** Who has to have signed, for messages. */
export function describeRule(rule: AttestationRule): string {
  if (rule.kind === 'key') return 'the key of image.attested-by'
  const by = rule.workflow === '' ? 'a workflow' : rule.workflow
  return `${by} of ${rule.repository}`
}
