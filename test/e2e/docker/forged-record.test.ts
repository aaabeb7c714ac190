import { writeFileSync } from 'node:fs'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { beginRestore, find } from '../../../shared/release/ledger.ts'
import type { HostConfig } from '../../../shared/targets/docker/engine/containers.ts'
import { asContainerPayload, packRecord, packState } from '../../../shared/targets/docker/state/record.ts'
import type { Target, EnvironmentLock } from '../../../shared/targets/target.ts'
import { bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'
import { enterYard, pushImages, type Images, type Yard } from './yard.ts'

const powers: HostConfig = { Privileged: true, Binds: ['/:/host'], PidMode: 'host' }

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('forged', 23_021, images)
})
afterEach(() => yard.leave())

/** Two good releases, of which the second is live. */
async function twoReleases(target: Target): Promise<EnvironmentLock> {
  const lock = await takeFree(target, run('1'))
  for (const version of ['v1.0.0', 'v1.1.0']) {
    const { id } = await release(target, lock, version, images.plain, { VERSION: version })
    await recordGood(lock, id)
  }
  return lock
}

/** The record of r1 as an attacker would have it. */
async function forgedRecord(target: Target, lock: EnvironmentLock): Promise<string> {
  const [entry, recorded] = [find(lock.ledger, 'r1'), await target.recall('r1')]
  if (!entry || !recorded) throw new Error('r1 was not recorded')
  const { body, ...payload } = asContainerPayload(recorded)
  const create = { ...body.create, HostConfig: { ...body.create.HostConfig, ...powers } }
  return packRecord({ entry, payload: { ...payload, body: { ...body, create } } })
}

function pruneStopped(): void {
  const stopped = Object.entries(yard.containers()).filter(([, state]) => state !== 'running')
  yard.docker('rm', ...stopped.map(([name]) => name))
}

/** As `docker system prune --volumes` does on an engine before 23.0, and `docker volume prune --all` on a later one. */
function pruneVolumes(): void {
  const volumes = yard.docker('volume', 'ls', '-q', '--filter', `name=^${yard.container}-lease`)
  yard.docker('volume', 'rm', ...volumes.split('\n').filter(Boolean))
}

/** Puts a record where the ledger is, past the engine's API. */
function writeAsAdministrator(release: string, text: string): void {
  const lease = Object.keys(yard.containers()).find(name => name.includes('-lease-')) ?? ''
  const folder = yard.docker('volume', 'inspect', '-f', '{{.Mountpoint}}', lease)
  writeFileSync(`${folder}/records/${release}`, text)
}

function writeInside(path: string, text: string): void {
  const script = `mkdir -p "\${1%/*}"; echo -n "$2" > "$1"`
  yard.docker('exec', '--user', '0', yard.container, 'sh', '-c', script, 'sh', path, text)
}

describe('root in the container of the service', () => {
  test('cannot write to the ledger and the records: they are in no container that runs', async () => {
    const { target } = await yard.open()
    const lock = await twoReleases(target)
    const forged = await forgedRecord(target, lock)
    const ledger = beginRestore(lock.ledger, 'r1', '2026-01-01T00:00:00.000Z', 'forged')
    await lock.end()
    const before = (await target.read()).ledger
    const state = { sequence: 1_000, epoch: 1_000, lease: null, ledger, adopted: '', fence: true }
    for (const { path, content } of [packState(state), packState({ ...state, sequence: 1_001 })])
      writeInside(`/${path}`, content.toString('utf8'))
    for (const id of ['r1', 'r2']) writeInside(`/.runbook/records/${id}`, forged)

    pruneStopped()
    expect((await target.read()).ledger).toEqual(before)
    expect(await target.recall('r1')).not.toHaveProperty('body.create.HostConfig.Privileged')

    pruneStopped()
    pruneVolumes()
    const rebuilt = (await target.read()).ledger
    expect(rebuilt).toMatchObject({ serving: 'r2', restoring: null, entries: [{ id: 'r2', state: 'good' }] })
    expect(await target.recall('r1')).toBeUndefined()
    expect(await target.recall('r2')).toBeUndefined()
  })

  test('and where it does not, both records are there after a prune of containers and volumes', async () => {
    const { target } = await yard.open()
    await (await twoReleases(target)).end()
    pruneStopped()
    pruneVolumes()

    const { ledger } = await target.read()
    // Whether the live release had passed its gate is not known any more: a recovery finds out.
    expect(ledger).toMatchObject({
      serving: 'r1',
      entries: [
        { id: 'r1', state: 'good' },
        { id: 'r2', state: 'ready', gate: 'pass', previous: 'r1' },
      ],
    })
    const lock = await takeFree(target, run('2'))
    await bringBack(target, lock, 'r1', 'r2')
    expect(await yard.ask()).toBe('v1.0.0')
    await lock.end()
  })
})

test('a record that asks for more than the runbook is refused with the fields, and what serves is not touched', async () => {
  const { target } = await yard.open()
  const lock = await twoReleases(target)
  const forged = await forgedRecord(target, lock)
  await lock.end()
  pruneStopped()
  await target.read()
  writeAsAdministrator('r1', forged)
  const again = await takeFree(target, run('2'))
  const recorded = await target.recall('r1')
  expect(recorded).toHaveProperty('body.create.HostConfig.Privileged', true)
  if (!recorded) throw new Error('r1 is not recorded')
  const refused = {
    reason: 'record-refused',
    message: expect.stringContaining(
      'HostConfig.Privileged, HostConfig.PidMode (host), HostConfig.Binds (folder /)',
    ) as unknown,
  }

  await expect(target.rehearseRestore(recorded)).rejects.toMatchObject(refused)
  await expect(bringBack(target, again, 'r1', 'r2')).rejects.toMatchObject(refused)

  expect(await yard.ask()).toBe('v1.1.0')
  expect(Object.values(yard.containers()).filter(state => state === 'running')).toHaveLength(1)
  await again.end()
})
