import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { provenance, type WorkflowRule } from '../../../shared/config/schema/attestation-rule.ts'
import { foundAuthority, statementOf, type Authority, type Identity } from '../../sigstore.ts'
import { digestOf, openStage, type Stage } from './stage.ts'

const rule: WorkflowRule = {
  kind: 'workflow',
  repository: 'org/api',
  workflow: 'org/runbook-actions/.github/workflows/release.yml',
  issuer: 'https://token.actions.githubusercontent.com',
  server: 'https://github.com',
  predicate: provenance,
  trustedRoot: 'trusted_root.jsonl',
}
const identity: Identity = {
  issuer: rule.issuer,
  repository: 'https://github.com/org/api',
  workflow: `https://github.com/${rule.workflow}@refs/tags/v1`,
}

let folder = ''
let authority: Authority
let strangers: Authority
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attestation-'))
  const found = (name: string) => {
    mkdirSync(join(folder, name))
    return foundAuthority(join(folder, name))
  }
  authority = found('ours')
  strangers = found('theirs')
  // As `gh attestation trusted-root` writes several: one a line.
  writeFileSync(
    join(folder, rule.trustedRoot),
    `${JSON.stringify({ ...JSON.parse(strangers.trustedRoot), certificateAuthorities: [] })}\n${authority.trustedRoot}\n`,
  )
})
afterAll(() => rmSync(folder, { recursive: true }))

let stage: Stage
beforeEach(async () => {
  stage = await openStage()
})
afterEach(() => stage.close())

const attested = (changed: Partial<WorkflowRule> = {}) => stage.attested({ ...rule, ...changed }, folder)

describe('provenance', () => {
  test('of the repository and the workflow that the runbook names attests the image', async () => {
    stage.list(stage.keep(authority.attest(statementOf(stage.digest), identity)))
    expect(await attested()).toContain(`is attested by ${rule.workflow} of org/api`)
    expect(await attested({ workflow: '' })).toContain('is attested by a workflow of org/api')
  })

  test.each<[string, Partial<Identity>, string]>([
    [
      'another repository',
      { repository: 'https://github.com/evil/api' },
      'it is of https://github.com/evil/api',
    ],
    ['a repository with a longer name', { repository: 'https://github.com/org/api-evil' }, 'it is of'],
    [
      'another workflow',
      { workflow: 'https://github.com/org/api/.github/workflows/evil.yml@refs/heads/x' },
      'it was signed by https://github.com/org/api/.github/workflows/evil.yml',
    ],
    [
      'another issuer',
      { issuer: 'https://accounts.example.com' },
      'its identity is of https://accounts.example.com',
    ],
  ])('of %s does not', async (_, changed, why) => {
    stage.list(stage.keep(authority.attest(statementOf(stage.digest), { ...identity, ...changed })))
    await expect(attested()).rejects.toMatchObject({
      reason: 'not-attested',
      message: expect.stringContaining(why),
    })
  })

  test('by an authority that is not trusted does not', async () => {
    stage.list(stage.keep(strangers.attest(statementOf(stage.digest), identity)))
    await expect(attested()).rejects.toMatchObject({ reason: 'not-attested' })
  })

  test('of another image does not', async () => {
    stage.list(stage.keep(authority.attest(statementOf(digestOf('x')), identity)))
    await expect(attested()).rejects.toThrow(`it is about ${digestOf('x')}`)
  })

  test('without a time stamp does not: nothing says that the certificate was valid', async () => {
    const bundle = JSON.parse(authority.attest(statementOf(stage.digest), identity)) as {
      verificationMaterial: { timestampVerificationData?: object }
    }
    delete bundle.verificationMaterial.timestampVerificationData
    stage.list(stage.keep(JSON.stringify(bundle)))
    await expect(attested()).rejects.toThrow('expected 1 timestamps, got 0')
  })
})

test('a trusted root that is missing or none is an input error that says how to write one', async () => {
  await expect(attested({ trustedRoot: 'nowhere.jsonl' })).rejects.toMatchObject({
    hint: expect.stringContaining('gh attestation trusted-root'),
  })
  writeFileSync(join(folder, 'none.json'), '{"tlogs":[]}')
  await expect(attested({ trustedRoot: 'none.json' })).rejects.toThrow('none.json is no trusted root')
})
