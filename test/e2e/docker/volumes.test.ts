import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { adoptServing, bringBack, recordGood, release, run, takeFree } from '../environment-lock.ts'
import { enterYard, pushImages, until, type Images, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('volumes', 23_011, images)
})
afterEach(() => yard.leave())

const version = (text: string) => ({ VERSION: text })
/** Releases that have had the data, oldest first. */
const boots = () => yard.docker('exec', yard.container, 'cat', '/data/boots').split('\n')
/** Of services: other tests take and leave locks meanwhile, which have volumes, too. */
const volumes = () =>
  yard
    .docker('volume', 'ls', '-q')
    .split('\n')
    .filter(volume => !/-lease-\d+$/.test(volume))
const openedTwice = () =>
  yard.docker('exec', yard.container, 'sh', '-c', 'test -f /data/twice && cat /data/twice || true')
const answers = (text: string) => until(`${text} to answer`, async () => (await yard.ask()) === text)

describe('data in a volume that only the image declares', () => {
  test('is there for every later release, and no release that is tidied away takes a volume along', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const releases = ['v1.0.0', 'v1.1.0', 'v1.2.0', 'v1.3.0', 'v1.4.0', 'v1.5.0']
    let before: string[] | undefined
    for (const each of releases) {
      const { id, rollout } = await release(target, lock, each, images.data, version(each))
      expect(rollout).toEqual({ kind: 'ready' })
      await answers(each)
      await recordGood(lock, id)
      await lock.tidy()
      before ??= volumes()
    }
    await lock.end()

    expect(boots()).toEqual(releases)
    expect(openedTwice()).toBe('')
    expect(before?.filter(volume => !volumes().includes(volume))).toEqual([])
    expect(volumes().filter(volume => volume.startsWith(`${yard.container}-data`))).toHaveLength(1)
  })

  test('is there again after a rollback, and after everything of the service but its volumes was removed', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', images.data, version('v1.0.0'))
    await recordGood(lock, first.id)
    const second = await release(target, lock, 'v1.1.0', images.data, version('v1.1.0'))
    await bringBack(target, lock, first.id, second.id)
    await answers('v1.0.0')
    expect(boots()).toEqual(['v1.0.0', 'v1.1.0', 'v1.0.0'])
    await lock.end()
    yard.docker('rm', '-f', '-v', ...Object.keys(yard.containers()))

    const again = await takeFree(target, run('2'))
    await release(target, again, 'v2.0.0', images.data, version('v2.0.0'))
    await answers('v2.0.0')
    expect(boots()).toEqual(['v1.0.0', 'v1.1.0', 'v1.0.0', 'v2.0.0'])
    await again.end()
  })
})

describe('a release that shares a volume for writing with the previous one', () => {
  test('starts only when that one has ended; the plan says so', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', images.data, version('v1.0.0'))
    await recordGood(lock, first.id)

    const payload = await target.render({ version: 'v1.1.0', image: images.data, config: version('v1.1.0') })
    const [plan] = await target.rehearse(payload)
    expect(plan?.diff).toContain(
      '! the previous container ends before the new one starts, since both would write to',
    )
    const { progress, rollout } = await release(target, lock, 'v1.1.0', images.data, version('v1.1.0'))

    expect(rollout).toEqual({ kind: 'ready' })
    expect(progress.join('\n')).toContain('The previous container ends before')
    await answers('v1.1.0')
    expect(openedTwice()).toBe('')
    await lock.end()
  })

  test('gives the service back to the previous one at once when it does not come up, with what it wrote last', async () => {
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', images.data, version('v1.0.0'))
    await recordGood(lock, first.id)

    const { progress, rollout } = await release(target, lock, 'v1.1.0', images.data, {
      ...version('v1.1.0'),
      MODE: 'crash',
    })

    expect(rollout).toMatchObject({ kind: 'doomed', cause: { class: 'crash-loop' } })
    expect(JSON.stringify(rollout)).toContain('cannot find my hat')
    expect(progress.at(-1)).toBe('r2 did not come up: v1.0.0 (r1) is started again.')
    await answers('v1.0.0')
    expect(yard.containers()).toEqual({
      [yard.container]: 'running',
      [`${yard.container}-lease-1`]: 'created',
    })
    await lock.end()
  })

  test('starts beside it where the runbook lets both write', async () => {
    const { target } = await yard.open({ spec: { 'shared-volumes': ['/data'] } })
    const lock = await takeFree(target, run('1'))
    const first = await release(target, lock, 'v1.0.0', images.data, version('v1.0.0'))
    await recordGood(lock, first.id)
    const { progress } = await release(target, lock, 'v1.1.0', images.data, version('v1.1.0'))
    expect(progress.join('\n')).toContain('it takes over now')
    await lock.end()
  })
})

describe('a container that was started by hand', () => {
  const start = (...options: string[]) =>
    yard.docker(
      ...['run', '-d', '--name', yard.container, '-p', `${yard.port}:3000`, '-e', 'VERSION=v0.9.0'],
      ...options,
    )
  const asked = () => ({ version: 'v1.0.0', image: images.plain, config: version('v1.0.0') })

  test.each([
    ['a mount', () => ['--mount', `type=volume,src=${yard.container}-hand,dst=/data`]],
    ['a volume with a slash at its end', () => ['-v', `${yard.container}-hand:/data/`]],
    ['an anonymous volume', () => ['-v', '/data']],
    ['an anonymous volume that goes with it', () => ['--rm', '-v', '/data']],
    [
      'a mount, and is removed when it ends',
      () => ['--rm', '--mount', `type=volume,src=${yard.container}-hand,dst=/data`],
    ],
  ])('with %s: the release takes the data over, and a rollback has it, too', async (_name, options) => {
    start(...options(), images.plain)
    await answers('v0.9.0')
    const { target } = await yard.open()
    const [plan] = await target.rehearse(await target.render(asked()))
    expect(plan?.diff).toMatch(/= mount \/data: volume \S+ is taken over from the previous container/)
    const lock = await takeFree(target, run('1'))
    await adoptServing(lock)

    const { id, rollout } = await release(target, lock, 'v1.0.0', images.plain, version('v1.0.0'))
    expect(rollout).toEqual({ kind: 'ready' })
    await answers('v1.0.0')
    expect(boots()).toEqual(['v0.9.0', 'v1.0.0'])
    await bringBack(target, lock, 'r0', id)

    await answers('v0.9.0')
    expect(boots()).toEqual(['v0.9.0', 'v1.0.0', 'v0.9.0'])
    expect(openedTwice()).toBe('')
    await lock.end()
  })

  test('with volumes of another container keeps them when that one is gone', async () => {
    const other = `${yard.container}-other`
    yard.docker('run', '--name', other, '-v', '/data', images.plain, 'true')
    start('--volumes-from', other, images.plain)
    await answers('v0.9.0')
    yard.docker('rm', other)
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    await adoptServing(lock)
    const { id } = await release(target, lock, 'v1.0.0', images.plain, version('v1.0.0'))
    await answers('v1.0.0')
    yard.docker('rm', `${yard.container}-r0`)
    await bringBack(target, lock, 'r0', id)
    await answers('v0.9.0')
    expect(boots()).toEqual(['v0.9.0', 'v1.0.0', 'v0.9.0'])
    await lock.end()
  })

  test('has what the release leaves out named in the plan', async () => {
    const network = `${yard.container}-net`
    yard.docker('network', 'create', network)
    start(
      '--network',
      network,
      '--network-alias',
      'api',
      '--cap-add',
      'NET_ADMIN',
      '-m',
      '64m',
      '-l',
      'traefik.enable=true',
      images.plain,
    )
    const { target } = await yard.open()
    const [plan] = await target.rehearse(await target.render(asked()))
    expect(plan?.diff?.split('\n').at(-1)).toBe(
      `! the new container does not have what the present one has: network ${network}, label traefik.enable, CapAdd, Memory, MemorySwap`,
    )
    yard.docker('rm', '-f', yard.container)
    yard.docker('network', 'rm', network)
  })
})

test('a volume that the previous container had and that is gone stops the release before it changes anything', async () => {
  const name = `${yard.container}-named`
  const { target } = await yard.open({ spec: { volumes: [`${name}:/data`] } })
  const lock = await takeFree(target, run('1'))
  const { id } = await release(target, lock, 'v1.0.0', images.plain, version('v1.0.0'))
  await recordGood(lock, id)
  await lock.end()
  yard.docker('rm', '-f', yard.container)
  yard.docker('volume', 'rm', name)
  const payload = await target.render({ version: 'v1.1.0', image: images.plain, config: version('v1.1.0') })
  await expect(target.rehearse(payload)).rejects.toThrow(
    `volume ${name}, which container ${yard.container} had at /data, is not on`,
  )
})
