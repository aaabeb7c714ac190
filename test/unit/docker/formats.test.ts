import { execFileSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { emptyLedger } from '../../../shared/release/ledger.ts'
import type { ContainerDetail, ContainerSummary } from '../../../shared/targets/docker/engine/containers.ts'
import { diffOf } from '../../../shared/targets/docker/inspect/diff.ts'
import { differences } from '../../../shared/targets/docker/inspect/drift.ts'
import { fleetOf, label, namesOf, serving } from '../../../shared/targets/docker/apply/fleet.ts'
import {
  packRecord,
  packState,
  unpackRecord,
  unpackState,
  type State,
} from '../../../shared/targets/docker/state/record.ts'
import { packTar, unpackTar } from '../../../shared/targets/docker/engine/tar.ts'

describe('archives', () => {
  test('are what tar itself reads, in folders that only their owner enters', () => {
    const archive = packTar([
      { path: 'a/b/one.json', content: Buffer.from('hello') },
      { path: 'two', content: Buffer.alloc(513, 'x') },
    ])

    expect(execFileSync('tar', ['-xOf', '-', 'a/b/one.json'], { input: archive, encoding: 'utf8' })).toBe(
      'hello',
    )
    const listed = execFileSync('tar', ['-tvf', '-'], { input: archive, encoding: 'utf8' })
    expect(listed.split('\n').map(line => line.split(/\s+/)[0])).toEqual([
      'drwx------',
      'drwx------',
      '-rw-------',
      '-rw-------',
      '',
    ])
  })

  test('come back as they were; cut anywhere, the files before the cut do', () => {
    const file = fc.record({
      path: fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8}){0,3}$/),
      content: fc.uint8Array({ maxLength: 1_500 }).map(bytes => Buffer.from(bytes)),
    })
    fc.assert(
      fc.property(fc.array(file, { maxLength: 5 }), fc.nat(), (files, at) => {
        const archive = packTar(files)
        expect(unpackTar(archive)).toEqual(files)
        const cut = unpackTar(archive.subarray(0, at % archive.length))
        expect(cut).toEqual(files.slice(0, cut.length))
      }),
    )
  })
})

describe('the state', () => {
  const state = (sequence: number, epoch = 1): State => ({
    sequence,
    epoch,
    lease: null,
    ledger: emptyLedger('api', 'staging'),
    adopted: '',
    fence: false,
  })

  test('is written into two slots in turn, of which the newest whole one counts', () => {
    const [one, two, three] = [packState(state(1)), packState(state(2)), packState(state(3))]
    expect(one.path).not.toBe(two.path)
    expect(one.path).toBe(three.path)
    expect(unpackState([one, two])?.sequence).toBe(2)
    expect(unpackState([three, two])?.sequence).toBe(3)
    const cut = { ...three, content: three.content.subarray(0, three.content.length - 3) }
    expect(unpackState([cut, two])?.sequence).toBe(2)
    expect(unpackState([])).toBeUndefined()
  })

  test('a higher epoch counts before a higher number', () => {
    expect(unpackState([packState(state(9, 1)), packState(state(2, 2))])?.epoch).toBe(2)
  })
})

test('a record comes back from its label; anything else is none', () => {
  const record = {
    entry: {
      id: 'r1',
      version: 'v1.0.0',
      image: 'x',
      state: 'good',
      by: 'ada',
      run: '1',
      runUrl: '',
      intendedAt: '2026-01-01',
    },
    payload: { kind: 'docker', objects: [], body: { create: { Image: 'x', Env: ['A=ü'] }, adopted: '' } },
  } as const
  const copy = structuredClone(record) as unknown as Parameters<typeof packRecord>[0]
  expect(unpackRecord(packRecord(copy))).toEqual(record)
  for (const wrong of [undefined, '', 'not base64!', packRecord(copy).slice(0, 40)])
    expect(unpackRecord(wrong)).toBeUndefined()
})

test('a record that unpacks to hundreds of megabytes is none', () => {
  const bomb = gzipSync(Buffer.alloc(256 * 2 ** 20, ' ')).toString('base64')
  const before = process.memoryUsage().rss
  expect(unpackRecord(bomb)).toBeUndefined()
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 2 ** 20)
})

test('a size below zero in an archive ends the reading of it', () => {
  const archive = packTar([{ path: 'a', content: Buffer.from('x') }])
  archive.write('-1000\0', 124)
  expect(unpackTar(archive)).toEqual([])
})

test('a diff names variables and never shows a value', () => {
  const before = { Image: 'a@1', Env: ['SAME=1', 'GONE=secret1', 'CHANGED=secret2'], AttachStdout: true }
  const after = {
    Image: 'a@2',
    Env: ['SAME=1', 'CHANGED=secret3', 'NEW=secret4'],
    HostConfig: { NetworkMode: 'n' },
  }

  const diff = diffOf(before, after)

  expect(diff.split('\n')).toEqual([
    '- image: a@1',
    '+ image: a@2',
    '~ env CHANGED',
    '- env GONE',
    '+ env NEW',
    '+ network n',
  ])
})

describe('the containers of an environment', () => {
  const names = namesOf('api-staging')
  const environment = { service: 'api', name: 'staging' }
  const summary = (
    Id: string,
    name: string,
    State: ContainerSummary['State'],
    role?: string,
    more: Record<string, string> = {},
  ): ContainerSummary => ({
    Id,
    Names: [`/${name}`],
    Image: 'i',
    State,
    Labels: role
      ? { [label.service]: 'api', [label.environment]: 'staging', [label.role]: role, ...more }
      : null,
  })

  test('are told from each other, and from those of other services', () => {
    const fleet = fleetOf(
      [
        summary('1', 'api-staging', 'running', 'service', { [label.release]: 'r2' }),
        summary('2', 'api-staging-r1', 'exited', 'service', { [label.release]: 'r1' }),
        summary('3', 'api-staging-lease-4', 'created', 'lease', { [label.epoch]: '4' }),
        summary('4', 'api-staging-lease-10', 'created', 'lease', { [label.epoch]: '10' }),
        summary('5', 'api-staging-r3-trial', 'running', 'trial', { [label.release]: 'r3' }),
        { ...summary('6', 'other', 'running', 'service'), Labels: { [label.role]: 'service' } },
        summary('7', 'by-hand', 'running'),
      ],
      environment,
      names,
      '',
    )
    expect(fleet.services.map(({ id, release }) => [id, release])).toEqual([
      ['1', 'r2'],
      ['2', 'r1'],
    ])
    expect(fleet.leases.map(({ epoch }) => epoch)).toEqual([10, 4])
    expect(fleet.trials.map(({ id }) => id)).toEqual(['5'])
    expect(fleet.foreign).toBeUndefined()
    expect(serving(fleet, names)?.id).toBe('1')
  })

  test('one that was run by hand is foreign until it is recorded, then r0', () => {
    const byHand = [summary('9', 'api-staging', 'running')]
    expect(fleetOf(byHand, environment, names, '').foreign?.id).toBe('9')
    const adopted = fleetOf(byHand, environment, names, '9')
    expect(adopted.foreign).toBeUndefined()
    expect(adopted.services).toMatchObject([{ id: '9', release: 'r0' }])
  })

  test('what serves in the middle of a handover is what runs, whatever it is called', () => {
    const fleet = fleetOf(
      [
        summary('1', 'api-staging', 'exited', 'service', { [label.release]: 'r1' }),
        summary('2', 'api-staging-r2', 'running', 'service', { [label.release]: 'r2' }),
      ],
      environment,
      names,
      '',
    )
    expect(serving(fleet, names)?.id).toBe('2')
  })
})

describe('what was changed by hand', () => {
  const recorded = {
    Image: 'api',
    HostConfig: { RestartPolicy: { Name: 'unless-stopped' }, Memory: 512 * 2 ** 20 },
  }
  const live = (HostConfig: object, networks: string[]) =>
    ({
      HostConfig: { ...recorded.HostConfig, ...HostConfig },
      NetworkSettings: { Networks: Object.fromEntries(networks.map(network => [network, null])) },
    }) as unknown as ContainerDetail

  test('nothing, of a container as it was created', () => {
    expect(differences(recorded, live({}, ['bridge']))).toEqual([])
    const host = { ...recorded, HostConfig: { ...recorded.HostConfig, NetworkMode: 'container:other' } }
    expect(differences(host, live({}, []))).toEqual([])
  })

  test('policy, limits and networks, each with what it was', () => {
    expect(differences(recorded, live({ RestartPolicy: { Name: 'no' }, Memory: 0 }, ['debug']))).toEqual([
      'restart policy is no, recorded as unless-stopped',
      'Memory is 0, recorded as 536870912',
      'is on network debug as well',
      'is not on network bridge any more',
    ])
  })
})
