import { createHash } from 'node:crypto'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { ToolError } from '../../../shared/outcome/errors.ts'
import { parseLedger } from '../../../shared/release/ledger-schema.ts'
import { emptyLedger, type Entry, type Ledger } from '../../../shared/release/ledger.ts'
import { packState, unpackRecord, unpackState } from '../../../shared/targets/docker/state/record.ts'
import { parseState as parseLease } from '../../../shared/targets/kubernetes/state/lease-store.ts'
import {
  unpackBody,
  unpackMade,
  unpackSnapshot,
} from '../../../shared/targets/kubernetes/state/record-format.ts'
import { parsePayload, parseState } from '../../../shared/targets/process/store.ts'

// What is kept on a target was written by this suite, or by something else that may write there. What cannot be its own is
// refused where it is read, and never ends in an error of the language somewhere else.

const entry: Entry = {
  id: 'r1',
  version: 'v1.0.0',
  image: 'registry.example.com/api@sha256:1',
  state: 'good',
  by: 'ada',
  run: '1',
  runUrl: '',
  intendedAt: '2026-01-01T00:00:00Z',
}
const empty = emptyLedger('api', 'live')
const ledger: Ledger = { ...empty, entries: [entry], serving: 'r1' }
const holder = { run: '1', attempt: 1, job: 'j', title: 'run 1', url: '' }
const lease = { holder, epoch: 1, deadline: 1, handedOver: false }

/** Ledgers that this suite cannot have written. */
const forged: [string, unknown][] = [
  ['nothing', null],
  ['a list', []],
  ['no list of releases', { ...ledger, entries: {} }],
  ['a release that is none', { ...ledger, entries: [null] }],
  ['a release without a version', { ...ledger, entries: [{ ...entry, version: undefined }] }],
  ['a number for a version', { ...ledger, entries: [{ ...entry, version: 1 }] }],
  ['a path for an id', { ...ledger, entries: [{ ...entry, id: 'r1/../../x' }] }],
  ['a state of its own', { ...ledger, entries: [{ ...entry, state: 'excellent' }] }],
  ['a hold without a reason', { ...ledger, hold: {} }],
  ['an act of another kind', { ...ledger, acts: [{ kind: 'x', by: '', because: '', at: '' }] }],
  ['a live release that is none', { ...ledger, serving: 'constructor' }],
]

test.each(forged)('a ledger with %s is none', (_what, value) => {
  expect(parseLedger(value, empty)).toBeUndefined()
})

test('a ledger is read as it was written, and what it lacks is that of an empty one', () => {
  expect(parseLedger(ledger, empty)).toEqual(ledger)
  expect(parseLedger({ entries: [{ ...entry, later: 'field' }] }, empty)).toEqual({
    ...empty,
    entries: [{ ...entry, later: 'field' }],
  })
})

describe('on Docker', () => {
  const state = { sequence: 1, epoch: 1, lease, ledger, adopted: '', fence: false }
  const filed = (value: unknown) => {
    const json = JSON.stringify(value)
    const sha256 = createHash('sha256').update(json).digest('hex')
    return [{ path: 'state/1.json', content: Buffer.from(JSON.stringify({ sha256, json })) }]
  }
  const payload = {
    kind: 'docker',
    objects: [],
    body: { create: { Image: 'x', Env: ['A=b'] }, adopted: '' },
  }
  const packed = (value: unknown) => gzipSync(JSON.stringify(value)).toString('base64')

  test('a state with its own digest counts only with a ledger and a lock in it', () => {
    expect(unpackState(filed(state))).toEqual(state)
    for (const [, value] of forged) expect(unpackState(filed({ ...state, ledger: value }))).toBeUndefined()
    for (const wrong of [null, 1, { ...state, lease: {} }, { ...state, epoch: '1' }])
      expect(unpackState(filed(wrong))).toBeUndefined()
  })

  test('one damaged state keeps no other from being read', () => {
    expect(unpackState([...filed(null), packState(state)])).toEqual(state)
  })

  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['no release', { payload }],
    ['a payload that is none', { entry, payload: null }],
    ['another target', { entry, payload: { ...payload, kind: 'kubernetes' } }],
    ['no container', { entry, payload: { ...payload, body: { adopted: '' } } }],
    ['variables that are no texts', { entry, payload: bodyOf({ Image: 'x', Env: [1] }) }],
    ['mounts that are none', { entry, payload: bodyOf({ Image: 'x', HostConfig: { Mounts: [null] } }) }],
    ['a text for mounts', { entry, payload: bodyOf({ Image: 'x', HostConfig: { Binds: '/:/host' } }) }],
  ])('a record with %s is none', (_what, value) => {
    expect(unpackRecord(packed({ entry, payload }))).toEqual({ entry, payload })
    expect(unpackRecord(packed(value))).toBeUndefined()
  })

  function bodyOf(create: object) {
    return { ...payload, body: { create, adopted: '' } }
  }
})

describe('on Kubernetes', () => {
  const leaseWith = (annotations: Record<string, string>) =>
    parseLease(
      {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: 'runbook-api', annotations },
      },
      empty,
    )

  test('a Lease is read as it was written', () => {
    const annotations = {
      'runbook/ledger': JSON.stringify(ledger),
      'runbook/holder': JSON.stringify(holder),
      'runbook/epoch': '4',
      'runbook/slots': '{"r1":[0,1]}',
    }
    expect(leaseWith(annotations)).toMatchObject({ ledger, epoch: 4, slots: { r1: [0, 1] } })
  })

  test.each([
    ['ledger', '{"entries": [null]}'],
    ['ledger', '{'],
    ['holder', '"me"'],
    ['epoch', '"4"'],
    ['epoch', '-1'],
    ['slots', '{"r1": 1}'],
    ['slots', '{"r1": [24]}'],
    ['slots', '{"__proto__": [1]}'],
    ['fenced', 'null'],
  ])('an annotation %s of %s is refused by its name', (name, text) => {
    const broken = () => leaseWith({ [`runbook/${name}`]: text })
    expect(broken).toThrow(ToolError)
    expect(broken).toThrow(`the annotation runbook/${name} is damaged`)
  })

  test.each(['null', '1', '[]', '{"version": 1, "image": ""}', '{"version": "v1.0.0"}', '{'])(
    'a record of %s is lost, and says so',
    async text => {
      await expect(unpackBody('r1', brotliCompressSync(text), 'hint')).rejects.toMatchObject({
        reason: 'record-lost',
        tool: 'release records',
        hint: 'hint',
      })
    },
  )

  test('notes that are none are refused, too', async () => {
    const packed = (text: string) => brotliCompressSync(text).toString('base64')
    await expect(unpackMade('r1', packed('[{"kind": "Pod"}]'))).rejects.toMatchObject({
      reason: 'record-lost',
    })
    await expect(unpackMade('r1', packed('no JSON'))).rejects.toMatchObject({ reason: 'record-lost' })
    await expect(unpackSnapshot('r1', packed('{"a": 1}'))).rejects.toMatchObject({ reason: 'record-lost' })
  })
})

describe('on a machine with pm2', () => {
  const files = forged.map(([what, value]): [string, unknown] => [what, { epoch: 1, lease, ledger: value }])
  test.each<[string, unknown]>([...files, ['no state', null]])(
    'a file of the state with %s is refused by its path',
    (_what, value) => {
      expect(() => parseState(JSON.stringify(value), empty, '/state/1.json')).toThrow(
        '/state/1.json is damaged: it is no ledger',
      )
    },
  )

  test('what is no JSON, and what is no record, is refused by its path', () => {
    expect(parseState(JSON.stringify({ epoch: 1, lease, ledger }), empty, 'f')).toEqual({
      epoch: 1,
      lease,
      ledger,
    })
    expect(() => parseState('{', empty, '/state/1.json')).toThrow('/state/1.json is damaged: ')
    expect(() => parsePayload('{"kind": "process"}', '/r1.json')).toThrow(
      '/r1.json is damaged: it is no record of a release',
    )
  })
})
