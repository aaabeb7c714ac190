import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { settle } from '../../../shared/release/settle.ts'
import { run, takeFree, bringBack, recordGood, release } from '../environment-lock.ts'
import { startOwnEngine, type OwnEngine } from './own-engine.ts'
import { enterYard, pushImages, until, type Yard } from './yard.ts'

let engine: OwnEngine
let yard: Yard
beforeAll(async () => {
  engine = await startOwnEngine()
  yard = enterYard('reboot', 23_005, pushImages())
  const { target } = await yard.open({ host: engine.host })
  const lock = await takeFree(target, run('first'))
  const { id } = await release(target, lock, 'v1.0.0', yard.images.checked, { VERSION: 'v1.0.0' })
  await recordGood(lock, id)
  await lock.end()
})
afterAll(async () => {
  await yard.leave()
  await engine.close()
})

/** Names of the environment's containers that run. */
function running(): string[] {
  return engine
    .docker('ps', '--filter', `name=^${yard.container}`, '--format', '{{.Names}}')
    .split('\n')
    .sort()
}

/** What `recover` does some minutes later. */
async function settleLater(): Promise<void> {
  const { target } = await yard.open({ host: engine.host })
  const later = run('later')
  const lock = await takeFree(target, later)
  const decision = settle(lock.ledger, await target.live(), null, later, Date.now())
  if (decision.kind === 'restore')
    await bringBack(target, lock, decision.good.id, decision.bad?.id ?? decision.good.id)
  await lock.end()
}

async function deploy(version: string): Promise<void> {
  const { target } = await yard.open({ host: engine.host })
  const lock = await takeFree(target, run('cut'), -5_000)
  const { id, rollout } = await release(target, lock, version, yard.images.checked, { VERSION: version })
  if (rollout.kind !== 'ready') throw new Error(rollout.cause.message)
  await recordGood(lock, id)
  await lock.end()
}

async function goBack(): Promise<void> {
  const { target } = await yard.open({ host: engine.host })
  const lock = await takeFree(target, run('cut'), -5_000)
  const { entries, serving } = lock.ledger
  const good = entries.findLast(({ id, state }) => state === 'good' && id !== serving)
  if (!good || !serving) throw new Error('there is no way back')
  await bringBack(target, lock, good.id, serving)
  await lock.end()
}

/** It has to be cut off, and not to have come to its end before. */
async function cutPowerDuring(work: () => Promise<void>, action: string, name: RegExp): Promise<void> {
  let isCut = false
  void engine.cutPowerAt(action, name).then(() => (isCut = true))
  try {
    await work()
  } catch (cause) {
    await until(`the power to be cut, after ${String(cause)}`, () => isCut)
    return
  }
  throw new Error(`it came to its end without a ${action} of ${String(name)}`)
}

test.each<[string, RegExp]>([
  ['start', /-trial$/],
  ['stop', /^e2e-reboot-\d+$/],
  ['start', /-r\d+(-e\d+)?$/],
  ['rename', /^e2e-reboot-\d+$/],
])(
  'the power goes at the %s of %s in a deploy: a release serves with the host, and a settle ends it',
  async (action, name) => {
    await cutPowerDuring(() => deploy('v1.1.0'), action, name)

    await engine.start()

    await until('a release to serve', async () => /^v1\.[01]\.0$/.test(await yard.ask()))
    await settleLater()
    expect(await yard.ask()).toBe('v1.0.0')
    expect(running()).toEqual([yard.container])
  },
)

test.each<[string, RegExp]>([
  ['stop', /^e2e-reboot-\d+$/],
  ['rename', /^e2e-reboot-\d+$/],
])(
  'the power goes at the %s of %s in a rollback: a release serves with the host, and a settle ends it',
  async (action, name) => {
    await deploy('v1.2.0')
    await cutPowerDuring(goBack, action, name)

    await engine.start()

    await until('a release to serve', async () => /^v1\.[02]\.0$/.test(await yard.ask()))
    await settleLater()
    expect(await yard.ask()).toBe('v1.0.0')
    expect(running()).toEqual([yard.container])
  },
)

test('what is kept for the way back does not start with the host, whatever the policy of the service', async () => {
  const { target } = await yard.open({ host: engine.host, spec: { restart: 'always' } })
  const lock = await takeFree(target, run('always'))
  const { id } = await release(target, lock, 'v1.3.0', yard.images.checked, { VERSION: 'v1.3.0' })
  await recordGood(lock, id)
  await lock.end()

  await engine.cutPower()
  await engine.start()

  await until('the release to serve', async () => (await yard.ask()) === 'v1.3.0')
  expect(running()).toEqual([yard.container])
})
