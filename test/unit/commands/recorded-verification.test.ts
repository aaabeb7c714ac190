import { describe, expect, test } from '@jest/globals'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gateDefaults } from '../../../shared/config/environment.ts'
import {
  decodeVerification,
  encodeVerification,
  plannedVerification,
} from '../../../shared/commands/verify/recorded-verification.ts'
import { environmentAt } from '../../e2e/gate/ports.ts'

const suiteText = `name: orders
auth: { bearer: API_TOKEN }
requests:
  - { name: health, path: /healthz, expect: { status: 200, json: { status: UP } } }
  - { name: order, method: POST, path: '/orders?t=\${env:TENANT}', body: { item: 1 }, capture: { id: id } }
`

async function planned() {
  const root = mkdtempSync(join(tmpdir(), 'runbook-verification-'))
  writeFileSync(join(root, 'smoke.yml'), suiteText)
  const environment = environmentAt('http://localhost:3001', {
    root,
    gate: { ...gateDefaults, paths: ['/healthz'], warmUpMs: 5_000, expect: { '/healthz': { status: 'UP' } } },
    smoke: { suite: 'smoke.yml', requests: 0, concurrency: 1 },
  })
  const verification = await plannedVerification(environment)
  if (!verification) throw new Error('nothing is planned')
  return verification
}

async function packed() {
  const encoded = encodeVerification(await planned())
  if (!encoded) throw new Error('too large')
  return encoded
}

test('what is recorded is read back whole: gate, place and suite, with variables by name', async () => {
  const { text, digest } = await packed()
  const read = await decodeVerification(text, { verification: digest })
  expect(read).toEqual({ kind: 'recorded', verification: await planned() })
  expect(text).toContain('API_TOKEN')
})

test('nothing is planned for an environment without an address', async () => {
  expect(await plannedVerification(environmentAt(''))).toBeUndefined()
})

describe('what cannot be trusted is not used', () => {
  const why = async (change: (text: string) => string | undefined, digest?: string) => {
    const record = await packed()
    const read = await decodeVerification(change(record.text), { verification: digest ?? record.digest })
    return read.kind === 'none' ? read.why : ''
  }
  /** As if another version, or an attacker who can write both, had recorded it. */
  const rewritten = async (change: (verification: Record<string, unknown>) => object) => {
    const text = JSON.stringify(change({ ...(await planned()) }))
    const { createHash } = await import('node:crypto')
    return decodeVerification(text, { verification: createHash('sha256').update(text).digest('hex') })
  }

  test('a text that is gone, or is another one than the ledger names', async () => {
    expect(await why(() => undefined)).toBe('the one that was recorded with it is gone')
    expect(await why(text => text.replace('/healthz', '/other'))).toContain('not the one that was recorded')
    expect(await why(text => text + ' '.repeat(600_000))).toContain('not the one that was recorded')
    const read = await decodeVerification('{}', {})
    expect(read).toEqual({ kind: 'none', why: 'none is recorded with it' })
  })

  test.each([
    ['another schema', (all: Record<string, unknown>) => ({ ...all, schema: 2 })],
    ['a place that is no http', (all: Record<string, unknown>) => ({ ...all, url: 'file:///etc/passwd' })],
    [
      'a window for ever',
      (all: Record<string, unknown>) => ({ ...all, gate: { ...gateDefaults, forMs: 1e15 } }),
    ],
    [
      'a suite without requests',
      (all: Record<string, unknown>) => ({ ...all, smoke: { file: '', suite: { name: 'x', requests: [] } } }),
    ],
    ['no object', () => []],
  ])('%s', async (_name, change) => {
    expect(await rewritten(change)).toMatchObject({ kind: 'none' })
  })
})

test('one that is larger than an annotation can hold is not recorded', async () => {
  const verification = await planned()
  const { smoke } = verification
  if (!smoke) throw new Error('no suite')
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    name: `request ${index}`,
    path: `/${'x'.repeat(100)}${index}`,
  }))
  expect(
    encodeVerification({ ...verification, smoke: { ...smoke, suite: { name: 'big', requests: many } } }),
  ).toBeUndefined()
})
