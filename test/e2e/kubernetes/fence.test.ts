import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { LeaseLostError } from '../../../shared/outcome/errors.ts'
import { openDoor, type Door, type Meddler } from '../../lab/cutting-proxy.ts'
import { apiServer, kubeconfigThrough, type Upstream } from '../../lab/upstream.ts'
import { enterRoom, type Room } from './cluster.ts'
import { configMap, deployment } from './manifests.ts'
import { run, takeFree, recordGood, release } from '../environment-lock.ts'

let room: Room
let api: Upstream
const doors: Door[] = []
beforeAll(() => {
  room = enterRoom('fence')
  api = apiServer(room.lab.kubeconfig)
})
afterAll(async () => {
  await room.leave()
  for (const door of doors) await door.close()
  api.close()
})

/** A target whose requests can be held up and cut. */
async function openThrough(meddler: Meddler): ReturnType<Room['open']> {
  const door = await openDoor(api, meddler)
  doors.push(door)
  return room.open(manifests('frozen'), { kubeconfig: kubeconfigThrough(door.address) })
}

const manifests = (value: string) => ({
  'app.yaml': deployment({}),
  'config.yaml': configMap({ VALUE: value }),
})
const value = () => room.kubectl('get', 'configmap', 'probe-config', '-o', 'jsonpath={.data.VALUE}')

describe('who lost the lease', () => {
  test('changes nothing any more, and is told who has it', async () => {
    const old = await room.open(manifests('old'))
    const stale = await takeFree(old.target, run('1'), 0)
    const { id } = await release(old.target, stale, 'v1.0.0', room.image)
    await recordGood(stale, id)
    const late = await old.target.render({ version: 'v1.1.0', image: room.image, config: {} })

    const other = await room.open(manifests('new'))
    const lock = await takeFree(other.target, run('2'))
    const fresh = await release(other.target, lock, 'v1.2.0', room.image)
    expect(fresh.rollout.kind).toBe('ready')
    const before = room.kubectl('get', 'deployment,configmap,secret,lease', '-o', 'json')

    await expect(stale.apply(id, late)).rejects.toThrow(LeaseLostError)
    await expect(stale.restore(id, late, undefined)).rejects.toThrow(/run 2 of org\/probe/)
    await expect(stale.store('r9', late)).rejects.toThrow(LeaseLostError)
    await expect(stale.update(ledger => ledger)).rejects.toThrow(LeaseLostError)
    await expect(stale.renew(60_000)).rejects.toThrow(LeaseLostError)
    await expect(stale.end()).rejects.toThrow(LeaseLostError)

    expect(room.kubectl('get', 'deployment,configmap,secret,lease', '-o', 'json')).toBe(before)
    expect(value()).toBe('new')
    await recordGood(lock, fresh.id)
    await lock.end()
  })

  test('is refused by the objects themselves when its writes were under way', async () => {
    const before = await room.open(manifests('before'))
    const calm = await takeFree(before.target, run('3'))
    const { id } = await release(before.target, calm, 'v1.3.0', room.image)
    await recordGood(calm, id)
    await calm.end()

    // It has read the objects and the lease, found both well, and is frozen in front of its writes.
    const held: string[] = []
    const [writing, thawed] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
    const slow = await openThrough({
      async before({ method, url }) {
        if (method !== 'PATCH') return
        held.push(url)
        writing.resolve(undefined)
        await thawed.promise
      },
    })
    const frozen = await takeFree(slow.target, run('4'), 0)
    const payload = await slow.target.render({ version: 'v1.4.0', image: room.image, config: {} })
    const late = frozen.apply(id, payload)
    const outcome = expect(late).rejects.toThrow(LeaseLostError)
    await writing.promise

    const next = await room.open(manifests('new'))
    const lock = await takeFree(next.target, run('5'))
    expect(lock.epoch).toBe(frozen.epoch + 1)
    thawed.resolve(undefined)
    await outcome
    expect(held.length).toBeGreaterThan(0)
    expect(value()).toBe('before')
    await lock.end()
  })

  test('is fenced off as well when the taker died before it had finished taking over', async () => {
    const slow = await room.open(manifests('frozen'))
    await takeFree(slow.target, run('6'), 0)
    const versions = () =>
      room.kubectl(
        'get',
        'deployment/probe',
        'configmap/probe-config',
        '-o',
        'jsonpath={.items[*].metadata.annotations.runbook/epoch}',
      )
    const before = versions()
    // Its claim is written; of the rest nothing arrives.
    const dying = await openThrough({
      before({ method }) {
        if (method === 'PATCH') throw new Error('dead')
      },
    })
    await expect(dying.target.take(run('7'), 'work', 60_000)).rejects.toThrow(/did not answer/)
    expect(versions()).toBe(before)

    const again = await room.open(manifests('x'))
    const lock = await takeFree(again.target, run('7'))
    expect(versions()).toBe(`${lock.epoch} ${lock.epoch}`)
    await lock.end()
  })

  test('is one of two who try at once', async () => {
    const many = await Promise.all(Array.from({ length: 6 }, () => room.open(manifests('x'))))
    const results = await Promise.all(
      many.map(({ target }, index) => target.take(run(`racer-${index}`), 'work', 60_000)),
    )
    const winners = results.flatMap(result => ('epoch' in result ? [result] : []))
    expect(winners).toHaveLength(1)
    const losers = results.flatMap(result => ('held' in result ? [result] : []))
    expect(new Set(losers.map(({ held }) => held.holder.run)).size).toBe(1)
    const [winner] = winners
    if (winner) await winner.end()
  })

  test('goes on under the same number when the step before handed it over, and under a new one when it did not', async () => {
    const { target } = await room.open(manifests('x'))
    const first = await takeFree(target, run('7'))
    await first.handOver(60_000)
    await expect(first.renew(60_000)).rejects.toThrow(LeaseLostError)
    const second = await takeFree(target, run('7'))
    expect(second.epoch).toBe(first.epoch)
    const again = await takeFree(target, run('7'))
    expect(again.epoch).toBe(first.epoch + 1)
    await expect(second.renew(60_000)).rejects.toThrow(LeaseLostError)
    expect(await target.take(run('8'), 'work', 60_000)).toMatchObject({ held: { holder: { run: '7' } } })
    await again.end()
  })

  test('is refused when the Lease was deleted and made anew', async () => {
    const { target } = await room.open(manifests('x'))
    const lock = await takeFree(target, run('9'))
    room.kubectl('delete', 'lease', 'runbook-probe')
    await expect(lock.renew(60_000)).rejects.toThrow(LeaseLostError)
    const { target: second } = await room.open(manifests('x'))
    const fresh = await takeFree(second, run('9'))
    await expect(lock.update(ledger => ledger)).rejects.toThrow(LeaseLostError)
    await fresh.end()
  })
})
