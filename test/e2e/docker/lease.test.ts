import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { run, takeFree, bringBack, follow, recordGood, release } from '../environment-lock.ts'
import { LeaseLostError } from '../../../shared/outcome/errors.ts'
import type { EnvironmentLock } from '../../../shared/targets/target.ts'
import { advance, closeBad, intend } from '../../../shared/release/ledger.ts'
import { enterYard, pushImages, until, type Images, type Yard } from './yard.ts'

let images: Images
let yard: Yard
beforeAll(() => {
  images = pushImages()
})
beforeEach(() => {
  yard = enterYard('lease', 23_013, images)
})
afterEach(() => yard.leave())

const intent = { version: 'v1.1.0', image: 'x', by: 'ada', run: '1', runUrl: '', intendedAt: '2026-01-01' }

describe('the lease of a Docker environment', () => {
  test('goes to one of many that ask at once; the others are told who has it and until when', async () => {
    const targets = await Promise.all(Array.from({ length: 6 }, () => yard.open()))

    const taken = await Promise.all(
      targets.map(({ target }, index) => target.take(run(`run-${index}`), 'work', 60_000)),
    )

    const winners = taken.filter(each => 'epoch' in each)
    expect(winners).toHaveLength(1)
    const holders = taken.flatMap(each => ('held' in each ? [each.held] : []))
    expect(new Set(holders.map(each => each.holder.run)).size).toBe(1)
    for (const { deadline } of holders) {
      expect(deadline - Date.now()).toBeGreaterThan(50_000)
      expect(deadline - Date.now()).toBeLessThan(65_000)
    }
    expect(Object.keys(yard.containers())).toHaveLength(1)
  })

  test('is continued by the same run, and survives being pruned between two of its steps', async () => {
    const { target } = await yard.open()
    const first = await takeFree(target, run('1'))
    const good = await release(target, first, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })
    await recordGood(first, good.id)
    const open = await release(target, first, 'v1.1.0', images.plain, { VERSION: 'v1.1.0' })
    await first.handOver(300_000)
    const prunable = Object.entries(yard.containers()).filter(([, state]) => state !== 'running')
    expect(prunable.map(([name]) => name).sort()).toEqual([
      `${yard.container}-lease-1`,
      `${yard.container}-r1`,
    ])
    yard.docker('rm', ...prunable.map(([name]) => name))

    const other = await yard.open()
    expect(await other.target.take(run('2'), 'work', 60_000)).toMatchObject({
      held: { holder: { run: '1' } },
    })
    const again = await takeFree(other.target, run('1'))

    expect(again.epoch).toBe(first.epoch + 1)
    expect(again.ledger).toEqual(first.ledger)
    await bringBack(other.target, again, good.id, open.id)
    expect(await yard.ask()).toBe('v1.0.0')
    await again.end()
    expect(await target.live()).toMatchObject({ release: 'r1', ready: true })
  })

  test('is written again when it is pruned while its holder works', async () => {
    const { target, logged } = await yard.open()
    const lock = await takeFree(target, run('1'))
    yard.docker('rm', `${yard.container}-lease-1`)

    const { rollout } = await release(target, lock, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })

    expect(rollout).toEqual({ kind: 'ready' })
    expect(logged.join('\n')).toContain('it is written again')
    expect((await target.read()).ledger).toEqual(lock.ledger)
    expect(await target.recall('r1')).toBeDefined()
  })

  test('is lost to the next run after its deadline: nothing that its former holder does reaches anything', async () => {
    const { target } = await yard.open()
    const sleeper = await takeFree(target, run('1'))
    const good = await release(target, sleeper, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })
    await recordGood(sleeper, good.id)
    const payload = await target.render({
      version: 'v1.1.0',
      image: images.plain,
      config: { VERSION: 'v1.1.0' },
    })
    await sleeper.update(ledger => intend(ledger, intent).ledger)
    await sleeper.store('r2', payload)
    await sleeper.apply('r2', payload)
    await sleeper.update(ledger => advance(ledger, 'r2', 'applied'))
    const goodId = yard.docker('inspect', '-f', '{{.Id}}', yard.container)
    await sleeper.renew(1)

    const other = await yard.open()
    let lock: EnvironmentLock | undefined
    await until('the deadline to be over by the clock of the engine', async () => {
      const taken = await other.target.take(run('2'), 'work', 60_000)
      if ('epoch' in taken) lock = taken
      return lock !== undefined
    })
    if (!lock) return
    expect(lock.epoch).toBe(sleeper.epoch + 1)
    expect(lock.ledger.entries.map(({ state }) => state)).toEqual(['good', 'applied'])
    await bringBack(other.target, lock, 'r1', 'r2')

    await expect(follow(sleeper, 'r2', payload)).rejects.toThrow(LeaseLostError)
    await expect(sleeper.renew(60_000)).rejects.toThrow(LeaseLostError)
    await expect(sleeper.apply('r2', payload)).rejects.toThrow('run 2 of org/probe')
    await expect(sleeper.update(ledger => closeBad(ledger, 'r2', '2026-01-01', 'too late'))).rejects.toThrow(
      LeaseLostError,
    )
    // A call that was on its way all the while names the container that served then.
    expect(() => yard.docker('stop', goodId)).toThrow('No such container')
    expect(await yard.ask()).toBe('v1.0.0')
    await lock.end()
    expect((await target.read()).ledger.entries.map(({ state }) => state)).toEqual(['good', 'bad'])
  })

  test('is had at once by a later attempt of the run that holds it', async () => {
    const { target } = await yard.open()
    const first = await takeFree(target, run('1'))

    const second = await takeFree(target, run('1', 2))

    expect(second.epoch).toBe(first.epoch + 1)
    await expect(first.renew(60_000)).rejects.toThrow(LeaseLostError)
  })
})

test('a container on two networks is made anew on both', async () => {
  const [one, two] = [`${yard.container}-one`, `${yard.container}-two`]
  yard.docker('network', 'create', one)
  yard.docker('network', 'create', two)
  try {
    yard.docker(
      'run',
      '-d',
      '--name',
      yard.container,
      '--network',
      two,
      '--network-alias',
      'api',
      images.plain,
    )
    yard.docker('network', 'connect', one, yard.container)
    const { target } = await yard.open()
    const lock = await takeFree(target, run('1'))
    const found = await lock.adopt()
    await lock.update(ledger => ({
      ...ledger,
      serving: 'r0',
      entries: [{ ...intent, id: 'r0', state: 'good' }],
    }))
    if (!found) throw new Error('nothing was adopted')
    yard.docker('rm', '-f', yard.container)

    await lock.restore('r0', found.payload, undefined)

    const networks = yard.docker('inspect', '-f', '{{json .NetworkSettings.Networks}}', yard.container)
    const attached = JSON.parse(networks) as Record<string, { Aliases: string[] }>
    expect(Object.keys(attached).sort()).toEqual([one, two])
    expect(attached[two]?.Aliases).toContain('api')
  } finally {
    yard.docker('rm', '-f', yard.container)
    yard.docker('network', 'rm', one, two)
  }
})

test('a container that was run by hand is recorded as r0 and comes back as it was', async () => {
  yard.docker(
    ...['run', '-d', '--name', yard.container, '-p', `${yard.port}:3000`, '-e', 'VERSION=v0.9.0'],
    ...['--hostname', 'by-hand', '--restart', 'always', images.plain],
  )
  const { target } = await yard.open()
  await until('the container to answer', async () => (await yard.ask()) === 'v0.9.0')
  expect(await target.live()).toMatchObject({ release: null, image: images.plain, ready: true })
  const lock = await takeFree(target, run('1'))
  const found = await lock.adopt()
  expect(found).toMatchObject({ image: images.plain })
  await lock.update(ledger => ({
    ...ledger,
    serving: 'r0',
    entries: [{ ...intent, id: 'r0', version: found?.version ?? '', state: 'good' }],
  }))
  if (found) await lock.store('r0', found.payload)

  const { rollout } = await release(target, lock, 'v1.0.0', images.plain, { VERSION: 'v1.0.0' })
  expect(rollout).toEqual({ kind: 'ready' })
  expect(await yard.ask()).toBe('v1.0.0')
  expect(yard.docker('inspect', '-f', '{{.HostConfig.RestartPolicy.Name}}', `${yard.container}-r0`)).toBe(
    'no',
  )
  // The kept container is pruned: it is made again from its record.
  yard.docker('rm', `${yard.container}-r0`)

  await bringBack(target, lock, 'r0', 'r1')

  expect(await yard.ask()).toBe('v0.9.0')
  expect(
    yard.docker('inspect', '-f', '{{.Config.Hostname}} {{.HostConfig.RestartPolicy.Name}}', yard.container),
  ).toBe('by-hand always')
  expect(await target.live()).toMatchObject({ release: 'r0', ready: true })
})
