import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'
import { enterYard, pushImages, until, watchService, type Images, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('release', 23_001, images)
})
afterEach(() => yard.leave())

describe('a release on a Docker engine', () => {
  test('serves under the known name, is recorded, and is what the target says is live', async () => {
    const { target } = await yard.open()
    expect((await target.read()).ledger.entries).toEqual([])
    expect(await target.live()).toEqual({ release: null, version: '', image: '', ready: false })
    const lock = await takeFree(target, run('1'))

    const first = await release(target, lock, 'v1.0.0', yard.images.plain, { VERSION: 'v1.0.0' })

    expect(first.rollout).toEqual({ kind: 'ready' })
    expect(first.changes.map(({ action }) => action)).toEqual(['create'])
    await recordGood(lock, first.id)
    await lock.end()
    expect(await yard.ask()).toBe('v1.0.0')
    expect(await target.live()).toEqual({
      release: 'r1',
      version: 'v1.0.0',
      image: yard.images.plain,
      ready: true,
    })
    const { ledger, lease } = await target.read()
    expect(lease).toBeNull()
    expect(ledger.serving).toBe('r1')
    expect(await target.recall('r1')).toEqual(first.payload)
    expect(await target.recall('r7')).toBeUndefined()
    expect(await target.logs(10)).toContain('this is v1.0.0')
    const labels = JSON.parse(
      yard.docker('inspect', '-f', '{{json .Config.Labels}}', yard.container),
    ) as object
    expect(labels).toEqual({
      'runbook.service': yard.container,
      'runbook.environment': 'staging',
      'runbook.records': expect.stringMatching(/^r1=[0-9a-f]{64}$/),
      'runbook.role': 'service',
      'runbook.release': 'r1',
      'runbook.version': 'v1.0.0',
      'runbook.image': yard.images.plain,
      'runbook.epoch': '1',
    })
    expect(yard.docker('exec', yard.container, 'stat', '-c', '%a %u', '/.runbook')).toBe('700 0')
  })

  test('takes over from the one before with a short gap, which is kept for the way back', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', yard.images.checked, { VERSION: 'v1.0.0' })
    await recordGood(lock, first.id)
    const watched = watchService(yard)

    const second = await release(target, lock, 'v1.1.0', yard.images.checked, { VERSION: 'v1.1.0' })

    expect(second.rollout).toEqual({ kind: 'ready' })
    await until('the new release to answer', async () => (await yard.ask()) === 'v1.1.0')
    const { longestGap } = await watched.end()
    console.log(`gap of a handover: ${Math.round(longestGap)} ms`)
    await recordGood(lock, second.id)
    await lock.end()
    expect(yard.containers()).toEqual({
      [yard.container]: 'running',
      [`${yard.container}-r1`]: 'exited',
      [`${yard.container}-lease-1`]: 'created',
    })
  })

  test('is stopped, whatever restarts it, until it is brought back', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const { id } = await release(target, lock, 'v1.0.0', yard.images.plain, { VERSION: 'v1.0.0' })
    await recordGood(lock, id)

    const { signal } = new AbortController()
    const stopped = await lock.stop({ timeoutMs: 10_000, signal, onProgress: () => undefined })

    expect(stopped.map(({ object }) => object)).toEqual([`container ${yard.container}`])
    expect(yard.containers()[yard.container]).toBe('exited')
    const policy = () => yard.docker('inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', yard.container)
    expect(policy()).toBe('no')
    await bringBack(target, lock, id, id)
    expect(await yard.ask()).toBe('v1.0.0')
    expect(policy()).toBe('unless-stopped')
    await lock.end()
  })

  test('comes back whole from the container that was kept', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', yard.images.plain, { VERSION: 'v1.0.0' })
    await recordGood(lock, first.id)
    const kept = yard.docker('inspect', '-f', '{{.Id}}', yard.container)
    const second = await release(target, lock, 'v1.1.0', yard.images.plain, { VERSION: 'v1.1.0' })
    const watched = watchService(yard)
    // What a restore removes is collected before it: each release's own log, and no other's.
    const logOf = async (id: 'r1' | 'r2') =>
      (await target.evidence(id)).map(({ detail = '' }) => detail).join('\n')
    expect(await logOf('r2')).toContain('this is v1.1.0')
    expect(await logOf('r2')).not.toContain('this is v1.0.0')

    await bringBack(target, lock, first.id, second.id)
    expect(await target.evidence('r2')).toEqual([])

    expect(await yard.ask()).toBe('v1.0.0')
    const { longestGap } = await watched.end()
    console.log(`gap of a restore: ${Math.round(longestGap)} ms`)
    expect(yard.docker('inspect', '-f', '{{.Id}} {{.HostConfig.RestartPolicy.Name}}', yard.container)).toBe(
      `${kept} unless-stopped`,
    )
    await lock.end()
    expect(yard.containers()).toEqual({
      [yard.container]: 'running',
      [`${yard.container}-lease-1`]: 'created',
    })
  })

  test('what is changed by hand is reported, and left as it is', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const { id } = await release(target, lock, 'v1.0.0', yard.images.plain, { VERSION: 'v1.0.0' })
    await recordGood(lock, id)
    await lock.end()
    const told = async () => (await target.drift()).map(({ object, what }) => `${object} ${what}`)
    const network = `${yard.container}-by-hand`
    expect(await told()).toEqual([])

    yard.docker('network', 'create', network)
    try {
      yard.docker('update', '--restart', 'no', yard.container)
      yard.docker('network', 'connect', network, yard.container)
      expect(await told()).toEqual([
        `container ${yard.container} restart policy is no, recorded as unless-stopped`,
        `container ${yard.container} is on network ${network} as well`,
      ])
    } finally {
      yard.docker('network', 'disconnect', '-f', network, yard.container)
      yard.docker('network', 'rm', network)
    }
    yard.docker('update', '--restart', 'unless-stopped', yard.container)
    yard.docker('rename', yard.container, `${yard.container}-mine`)
    expect(await told()).toEqual([`container ${yard.container} is called ${yard.container}-mine`])

    yard.docker('stop', `${yard.container}-mine`)
    yard.docker('run', '-d', '--name', yard.container, yard.images.checked)
    expect(await told()).toEqual([
      `container ${yard.container} is of no release: it was run by hand from ${yard.images.checked}, and r1 was released`,
    ])
    expect(yard.containers()[yard.container]).toBe('running')
  })
})
