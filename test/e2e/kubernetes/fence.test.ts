import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { LeaseLostError } from '../../../shared/outcome/errors.ts'
import { enterRoom, run, takeFree, type Room } from './cluster.ts'
import { configMap, deployment } from './manifests.ts'
import { recordGood, release } from './release.ts'

let room: Room
beforeAll(() => {
  room = enterRoom('fence')
})
afterAll(() => room.leave())

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
    const tenure = await takeFree(other.target, run('2'))
    const fresh = await release(other.target, tenure, 'v1.2.0', room.image)
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
    await recordGood(tenure, fresh.id)
    await tenure.end()
  })

  test('is refused by the object itself when its write was under way', async () => {
    // What a holder has in hand that read the object and the lease, and was then frozen: a write with uid and version.
    const { target } = await room.open(manifests('frozen'))
    const frozen = await takeFree(target, run('3'), 0)
    expect(frozen.epoch).toBeGreaterThan(0)
    const read = JSON.parse(room.kubectl('get', 'configmap', 'probe-config', '-o', 'json')) as {
      metadata: { uid: string; resourceVersion: string }
    }
    const { target: taker } = await room.open(manifests('new'))
    const tenure = await takeFree(taker, run('4'))
    expect(tenure.epoch).toBe(frozen.epoch + 1)

    const { uid, resourceVersion } = read.metadata
    const written = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'probe-config', uid, resourceVersion },
      data: { VALUE: 'frozen' },
    })
    expect(() => room.kubectlApply(written)).toThrow(/the object has been modified/)
    expect(value()).toBe('new')
    await tenure.end()
  })

  test('is one of two who try at once', async () => {
    const many = await Promise.all(Array.from({ length: 6 }, () => room.open(manifests('x'))))
    const results = await Promise.all(
      many.map(({ target }, index) => target.take(run(`racer-${index}`), 60_000)),
    )
    const winners = results.flatMap(result => ('held' in result ? [] : [result]))
    expect(winners).toHaveLength(1)
    const losers = results.flatMap(result => ('held' in result ? [result] : []))
    expect(new Set(losers.map(({ held }) => held.holder.run)).size).toBe(1)
    const [winner] = winners
    if (winner) await winner.end()
  })

  test('goes on under the same number when the same run asks again', async () => {
    const { target } = await room.open(manifests('x'))
    const first = await takeFree(target, run('7'))
    const again = await takeFree(target, run('7'))
    expect(again.epoch).toBe(first.epoch)
    expect(await target.take(run('8'), 60_000)).toMatchObject({ held: { holder: { run: '7' } } })
    await again.end()
  })

  test('is refused when the Lease was deleted and made anew', async () => {
    const { target } = await room.open(manifests('x'))
    const tenure = await takeFree(target, run('9'))
    room.kubectl('delete', 'lease', 'runbook-probe')
    await expect(tenure.renew(60_000)).rejects.toThrow(LeaseLostError)
    const { target: second } = await room.open(manifests('x'))
    const fresh = await takeFree(second, run('9'))
    await expect(tenure.update(ledger => ledger)).rejects.toThrow(LeaseLostError)
    await fresh.end()
  })
})
