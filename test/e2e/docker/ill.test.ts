import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { Rollout } from '../../../shared/targets/target.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'
import { enterYard, pushImages, watchService, type Images, type Opened, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('ill', 23_002, images)
})
afterEach(() => yard.leave())

async function withGood(): Promise<Opened & { lock: Awaited<ReturnType<typeof takeFree>> }> {
  const opened = await yard.open()
  const lock = await takeFree(opened.target, run('1'))
  const { id } = await release(opened.target, lock, 'v1.0.0', images.checked, { VERSION: 'v1.0.0' })
  await recordGood(lock, id)
  return { ...opened, lock }
}

function causeOf(rollout: Rollout) {
  if (rollout.kind === 'ready') throw new Error('it became ready')
  return rollout.cause
}

describe('an ill release is known for what it is, while the good one serves', () => {
  test('it ends: exit code and the end of its log, secrets left out', async () => {
    const { target, lock, secrets } = await withGood()
    secrets.add('hunter22')
    const watched = watchService(yard)

    const { rollout } = await release(target, lock, 'v1.1.0', images.plain, {
      VERSION: 'v1.1.0',
      MODE: 'crash',
      TOKEN: 'hunter22',
    })

    const cause = causeOf(rollout)
    expect(rollout.kind).toBe('doomed')
    expect(cause.class).toBe('crash-loop')
    expect(cause.message).toContain('exit code 3')
    expect(cause.evidence[0]?.detail).toContain('cannot find my hat; token ***')
    expect(JSON.stringify(cause)).not.toContain('hunter22')
    expect(await yard.ask()).toBe('v1.0.0')
    expect(await watched.end()).toMatchObject({ failed: 0 })
    expect(await bringBack(target, lock, 'r1', 'r2')).toEqual([
      { object: `container ${yard.container}`, action: 'none' },
    ])
    await lock.end()
    expect(Object.keys(yard.containers()).sort()).toEqual([yard.container, `${yard.container}-lease-1`])
  })

  test('it fails its health check', async () => {
    const { target, lock } = await withGood()

    const { rollout } = await release(target, lock, 'v1.1.0', images.checked, {
      VERSION: 'v1.1.0',
      MODE: 'sick',
    })

    expect(causeOf(rollout).class).toBe('unhealthy')
    expect(await yard.ask()).toBe('v1.0.0')
  })

  test.each(['beside a good one', 'as the first release'])(
    'its program is not in its image, %s',
    async where => {
      const { target, lock } =
        where === 'as the first release'
          ? await yard
              .open()
              .then(async opened => ({ ...opened, lock: await takeFree(opened.target, run('1')) }))
          : await withGood()

      const { rollout } = await release(target, lock, 'v1.1.0', images.empty, {})

      expect(causeOf(rollout)).toMatchObject({
        class: 'bad-command',
        message: expect.stringContaining('/bin/nowhere'),
      })
    },
  )

  test('it takes more memory than it may', async () => {
    const { target } = await yard.open({ spec: { memory: '16MiB' } })
    const lock = await takeFree(target, run('1'))

    const { rollout } = await release(target, lock, 'v1.0.0', images.plain, { MODE: 'hog' })

    expect(causeOf(rollout)).toMatchObject({
      class: 'out-of-memory',
      message: expect.stringContaining('ran out of its memory'),
    })
  })

  test('its policy is not to be started again', async () => {
    const { target } = await yard.open({ spec: { restart: 'no' } })
    const lock = await takeFree(target, run('1'))

    const { rollout } = await release(target, lock, 'v1.0.0', images.plain, { MODE: 'crash' })

    expect(causeOf(rollout)).toMatchObject({
      class: 'crash',
      message: `container ${yard.container} ended with exit code 3`,
    })
  })

  test('its port is taken by another container', async () => {
    const other = `${yard.container}-squatter`
    yard.docker('run', '-d', '--name', other, '-p', `${yard.port}:3000`, images.plain)
    const { target } = await yard.open()
    const payload = await target.render({ version: 'v1.0.0', image: images.plain, config: {} })
    await expect(target.rehearse(payload)).rejects.toThrow(`port ${yard.port} is taken by container ${other}`)
    const lock = await takeFree(target, run('1'))

    const { rollout } = await release(target, lock, 'v1.0.0', images.plain, {})

    const cause = causeOf(rollout)
    expect(cause.class).toBe('port-taken')
    expect(cause.message).toContain(other)
  })

  test('it never answers at its port, and its time is over', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const payload = await target.render({ version: 'v1.0.0', image: images.plain, config: { MODE: 'deaf' } })
    await lock.update(ledger => ({
      ...ledger,
      entries: [
        {
          id: 'r1',
          version: 'v1.0.0',
          image: images.plain,
          state: 'intended',
          by: 'ada',
          run: '1',
          runUrl: '',
          intendedAt: '2026-01-01T00:00:00.000Z',
        },
      ],
    }))
    await lock.apply('r1', payload)

    const rollout = await lock.follow('r1', payload, {
      release: 'new',
      timeoutMs: 2_000,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    })

    expect(rollout.kind).toBe('deadline')
    expect(causeOf(rollout).message).toContain('an answer at its port')
    expect(causeOf(rollout).evidence[0]?.detail).toContain('mode deaf')
  })

  test('its image is in no registry', async () => {
    const { target } = await yard.open()
    const missing = `${yard.lab.registry}/e2e-docker@sha256:${'0'.repeat(64)}`
    await expect(target.render({ version: 'v1.0.0', image: missing, config: {} })).rejects.toMatchObject({
      message: expect.stringContaining('has no image'),
      hint: expect.stringContaining('pushed'),
    })
  })
})
