import { expect, test } from '@jest/globals'
import { resolveImageTrust } from '../../../shared/config/image-trust.ts'
import { imageSchema } from '../../../shared/config/schema/image-schema.ts'
import type { EnvironmentSpec } from '../../../shared/config/schema/schema.ts'
import { ruleId, type AttestationRule } from '../../../shared/config/schema/attestation-rule.ts'

const pem = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n'
const docker: EnvironmentSpec['target'] = { kind: 'docker', container: 'api', ports: ['1:1'] }
const at = (key: string) => `runbook.yml:3 ${key}`
const resolve = (image: object, target: EnvironmentSpec['target'] = docker) =>
  resolveImageTrust(at, { image: imageSchema.parse(image), target })

test('an environment that says nothing trusts its registry alone, and requires no attestation', () => {
  expect(resolveImageTrust(at, { target: docker })).toEqual({ tokenHosts: [] })
})

test('a workflow of github.com is meant where the runbook names no other server', () => {
  const attestedBy = { repository: 'org/api', 'trusted-root': 'deployment/trusted_root.jsonl' }
  expect(resolve({ 'attested-by': attestedBy }).attestedBy).toEqual({
    kind: 'workflow',
    repository: 'org/api',
    workflow: '',
    issuer: 'https://token.actions.githubusercontent.com',
    server: 'https://github.com',
    predicate: 'https://slsa.dev/provenance/v1',
    trustedRoot: 'deployment/trusted_root.jsonl',
  })
})

test.each([
  [{ 'attested-by': {} }],
  [{ 'attested-by': { key: 'cosign.pub' } }],
  [{ 'attested-by': { repository: 'org/api' } }],
  [{ 'attested-by': { repository: 'org/api', 'trusted-root': '/etc/root.json' } }],
  [{ 'attested-by': { key: pem, repository: 'org/api' } }],
  [{ 'token-hosts': ['https://auth.example.com'] }],
])('%j is refused', image => {
  expect(imageSchema.safeParse(image).success).toBe(false)
})

test('a process target has no image that could be attested', () => {
  const target = { kind: 'process', app: 'api', directory: 'releases', start: 'main.js' } as const
  expect(() => resolve({ 'attested-by': { key: pem } }, target)).toThrow(
    'runbook.yml:3 image.attested-by requires an attestation, and a process target has no image',
  )
})

test('a record counts for the rule that it met, and for no other', () => {
  const rule: AttestationRule = { kind: 'key', key: pem, predicate: 'https://a.example' }
  expect(ruleId(rule)).toBe(ruleId({ ...rule, key: pem.trim() }))
  expect(ruleId(rule)).not.toBe(ruleId({ ...rule, predicate: 'https://b.example' }))
})
