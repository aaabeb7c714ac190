import { expect, test } from '@jest/globals'
import { rollbackPossible } from '../../../shared/checks/release/rollback-possible.ts'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { advance, closeGood, emptyLedger, intend, type Ledger } from '../../../shared/release/ledger.ts'
import type { Live } from '../../../shared/release/settle.ts'
import type { Payload, Target } from '../../../shared/targets/target.ts'
import { contextOf } from './context.ts'

const at = '2026-01-01T00:00:00.000Z'
const intent = { version: 'v1.0.0', image: 'api', by: '', run: 'me', runUrl: '', intendedAt: at }
const nothing: Live = { release: null, version: '', image: '', ready: false }
const payload: Payload = { kind: 'fake', objects: [], body: {} }

const empty = emptyLedger('api', 'staging')
const open = (ledger: Ledger) => intend(ledger, intent).ledger
const good = closeGood(advance(advance(open(empty), 'r1', 'applied'), 'r1', 'ready'), 'r1', at)

const docker = { kind: 'docker' as const, container: 'api', ports: ['1:1'] }

const takes = () => Promise.resolve([])
const pulls = () => Promise.resolve('api@sha256:1')

interface Found {
  recalled?: Payload | null
  live?: Live
  pin?: Target['pin']
  rehearse?: Target['rehearseRestore']
  lacks?: string[]
  notes?: string[]
  schemaNeeds?: string
  version?: string
}

function check(
  ledger: Ledger,
  {
    recalled = payload,
    live = nothing,
    pin = pulls,
    rehearse = takes,
    lacks = [],
    notes = [],
    version = '',
    ...said
  }: Found = {},
) {
  const target: Partial<Target> = {
    place: 'a fake place',
    read: () => Promise.resolve({ ledger, lease: null }),
    recall: () => Promise.resolve(recalled ?? undefined),
    pin,
    rehearseRestore: rehearse,
    planRollback: () => Promise.resolve({ lacked: lacks, notes }),
    live: () => Promise.resolve(live),
  }
  const context = contextOf(
    { target: docker },
    {
      version,
      target: () => Promise.resolve(target as Target),
      payload: () => Promise.resolve({ ...payload, ...said }),
    },
  )
  return rollbackPossible.run(context)
}

test('passes when what serves is recorded whole', async () => {
  expect(await check(good)).toMatchObject({
    result: 'pass',
    finding: 'v1.0.0 (r1) is recorded whole, and a fake place would take it back',
  })
})

test('fails when its record is gone, and does not stand in the way of the remedy', async () => {
  const { result, remedy } = await check(good, { recalled: null, version: 'v1.1.0' })
  expect([result, remedy]).toEqual(['fail', expect.stringContaining('Deploy v1.0.0 once more')])
  expect(await check(good, { recalled: null, version: 'v1.0.0' })).toMatchObject({ result: 'warn' })
})

test('warns of a release that another run left unfinished', async () => {
  expect(await check(open(good))).toMatchObject({ result: 'warn', finding: expect.stringContaining('(r2)') })
})

test('warns that a first release has no way back', async () => {
  expect(await check(empty)).toMatchObject({
    result: 'warn',
    finding: expect.stringContaining('first release'),
  })
})

test('passes when something else deployed what serves: it will be recorded', async () => {
  const live = { ...nothing, image: 'api@sha256:1', ready: true }
  expect(await check(empty, { live })).toMatchObject({
    result: 'pass',
    finding: expect.stringContaining('r0'),
  })
})

test('fails when its image can no longer be pulled, and says which', async () => {
  const pin = () =>
    Promise.reject(new ToolError('registry: not found', { tool: 'registry', hint: 'Push it.' }))
  expect(await check(good, { pin })).toMatchObject({
    result: 'fail',
    finding: 'the image of v1.0.0 (r1) cannot be pulled: registry: not found',
  })
})

test('fails when the new schema would be too new for what serves', async () => {
  expect(await check(good, { schemaNeeds: 'v1.1.0' })).toMatchObject({
    result: 'fail',
    finding: expect.stringContaining('needs v1.1.0 or newer, and v1.0.0 (r1) serves'),
  })
  expect(await check(good, { schemaNeeds: 'v1.0.0' })).toMatchObject({ result: 'pass' })
})

test('fails when the target would not take it back, as the rollback would', async () => {
  const refusal = new ToolError('exceeded quota: pods', { tool: 'Kubernetes API', hint: 'Raise it.' })
  const found = await check(good, { rehearse: () => Promise.reject(refusal) })
  expect(found).toMatchObject({
    result: 'fail',
    finding: 'a fake place would not take v1.0.0 (r1) back: exceeded quota: pods',
    remedy: expect.stringContaining('Raise it.'),
  })
})

test('fails when this account may not take away again what the release adds', async () => {
  expect(await check(good, { lacks: ['delete ConfigMap production/extra'] })).toMatchObject({
    result: 'fail',
    finding:
      'a rollback to v1.0.0 (r1) would have to delete ConfigMap production/extra, and this account may not',
  })
})

test('passes with a note when an object would be created again or stay as it is', async () => {
  const note = 'ConfigMap production/greeting would be deleted and created again: it becomes immutable'
  expect(await check(good, { notes: [note] })).toMatchObject({
    result: 'pass',
    finding: `v1.0.0 (r1) is recorded whole, and a fake place would take it back; ${note}`,
  })
  const change = {
    object: 'Widget production/blue',
    action: 'none' as const,
    refused: { why: 'Widget production/blue: size may not shrink', remedy: 'Set it by hand.' },
  }
  expect(await check(good, { rehearse: () => Promise.resolve([change]) })).toMatchObject({
    result: 'warn',
    finding: 'v1.0.0 (r1) can be restored, but not all of it: Widget production/blue: size may not shrink',
    remedy: 'Set it by hand.',
  })
})
