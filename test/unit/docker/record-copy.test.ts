import { expect, test } from '@jest/globals'
import { authentic, copiesOf, digestsOf } from '../../../shared/targets/docker/state/record-copy.ts'
import { packRecord, unpackRecord, type ReleaseRecord } from '../../../shared/targets/docker/state/record.ts'

const record = (id: string): ReleaseRecord =>
  ({
    entry: {
      ...{ id, version: 'v1.0.0', image: 'x', state: 'good' },
      ...{ by: 'ada', run: '1', runUrl: '', intendedAt: '2026-01-01' },
    },
    payload: {
      kind: 'docker',
      objects: [],
      body: { create: { Image: 'x', Env: ['PIN=1234'] }, adopted: '' },
    },
  }) as unknown as ReleaseRecord

test('copies count as they were put there, and not once anything in them was changed', () => {
  const { files, digests } = copiesOf([record('r2'), record('r1')])
  const label = digestsOf(digests)
  expect([...label.keys()]).toEqual(['r2', 'r1'])
  expect([...authentic(label, files).keys()]).toEqual(['r2', 'r1'])

  const forged = { path: '.runbook/records/r1', content: Buffer.from(packRecord(record('r1'))) }
  expect([...authentic(label, [...files.slice(0, 1), forged]).keys()]).toEqual(['r2'])
  const other = { path: '.runbook/records/r3', content: files[0]?.content ?? Buffer.alloc(0) }
  expect([...authentic(label, [other]).keys()]).toEqual([])
  expect(digestsOf(undefined).size).toBe(0)
  expect(digestsOf('__proto__=1 r1 constructor=2').size).toBe(0)
})

test('a digest tells nothing of a secret: two packings of one record differ, and are one record', () => {
  expect(copiesOf([record('r1')]).digests).not.toBe(copiesOf([record('r1')]).digests)
  expect(unpackRecord(packRecord(record('r1')))).toEqual(record('r1'))
})
