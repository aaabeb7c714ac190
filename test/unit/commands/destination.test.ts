import { expect, test } from '@jest/globals'
import { emptyLedger, type Entry, type Ledger } from '../../../shared/release/ledger.ts'
import { locate } from '../../../shared/commands/rollback/destination.ts'
import type { Revision, Target } from '../../../shared/targets/target.ts'

const revision: Revision = {
  number: 7,
  image: `registry.example.com/api@sha256:${'a1b2c3d4e5f6'.padEnd(64, '0')}`,
  at: '2026-11-25T14:00:00Z',
}
const target = {
  revisions: () => Promise.resolve([revision]),
  findRevision: () => Promise.resolve(undefined),
} as unknown as Target

function ledgerOf(states: Entry['state'][]): Ledger {
  const entries = states.map((state, index): Entry => {
    const [id, version] = [`r${index + 1}` as const, `v1.${index + 1}.0`]
    return { id, version, state, image: '', by: 'ada', run: '1', runUrl: '', intendedAt: '' }
  })
  return { ...emptyLedger('api', 'production'), entries, serving: 'r1' }
}

async function refusal(to: string, ledger: Ledger) {
  const { message, hint } = (await locate(to, ledger, target).catch((error: unknown) => error)) as {
    message: string
    hint: string
  }
  return [message, hint]
}
const hint = 'See them all: runbook history production'

test('a version that is not there is answered with those that were good, newest first', async () => {
  expect(await refusal('v9.9.9', ledgerOf(['good', 'bad', 'good', 'withdrawn', 'ready']))).toEqual([
    'to is "v9.9.9"; accepted: a good release: v1.3.0 (r3), v1.1.0 (r1)',
    hint,
  ])
})

test('no more of them are told than can be read at a glance', async () => {
  const [message] = await refusal('v9.9.9', ledgerOf(Array.from({ length: 14 }, () => 'good')))
  expect(message).toMatch(/accepted: a good release: v1\.14\.0 \(r14\), .*, v1\.5\.0 \(r5\)$/)
})

test('revisions are told to who asked for a number', async () => {
  expect(await refusal('9', ledgerOf(['bad']))).toEqual([
    'to is "9"; accepted: a revision: 7 (registry.example.com/api@sha256:a1b2c3d4e5f6, 2026-11-25T14:00:00Z)',
    hint,
  ])
  expect(await refusal('v9.9.9', ledgerOf(['bad']))).toEqual([
    'to is "v9.9.9"; accepted: nothing yet: no release has been good here',
    hint,
  ])
})
