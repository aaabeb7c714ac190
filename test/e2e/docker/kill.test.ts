import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { settle } from '../../../shared/release/settle.ts'
import { bringBack, recordGood, release } from '../kubernetes/release.ts'
import { openCuttingProxy, type Phase } from './cutting-proxy.ts'
import { enterYard, pushImages, run, takeFree, type Yard } from './yard.ts'

jest.setTimeout(240_000)

let yard: Yard
beforeAll(async () => {
  yard = enterYard('kill', 23_004, pushImages())
  const { target } = await yard.open()
  const tenure = await takeFree(target, run('first'))
  const { id } = await release(target, tenure, 'v1.0.0', yard.images.checked, { VERSION: 'v1.0.0' })
  await recordGood(tenure, id)
  await tenure.end()
})
afterAll(() => yard.leave())

const phases: Phase[] = ['before', 'withheld', 'after']

/** What a run does: takes the lease, releases, and records it good; through a proxy that may cut it off. */
async function deploy(host: string, config: Record<string, string>): Promise<void> {
  const { target } = await yard.open({ host })
  // Once it is cut off nobody renews the lease: the deadline is over at once, as it is a minute after a SIGKILL.
  const tenure = await takeFree(target, run('killed'), -5_000)
  const { id, rollout } = await release(target, tenure, config['VERSION'] ?? '', yard.images.checked, config)
  if (rollout.kind !== 'ready') return
  await recordGood(tenure, id)
  await tenure.end()
}

/** What a settle that finds the environment does; by a run of its own, or by the next step of the one that was cut off. */
async function settleAfter(asker: string): Promise<string> {
  const { target } = await yard.open()
  const tenure = await takeFree(target, run(asker))
  const decision = settle(tenure.ledger, await target.live(), null, asker, Date.now())
  if (decision.kind === 'restore')
    await bringBack(target, tenure, decision.good.id, decision.bad?.id ?? decision.good.id)
  await tenure.end()
  return decision.kind
}

/** Exactly one container of the environment runs, bears its name, and is the good release that the ledger names. */
async function expectThePromise(what: string): Promise<string> {
  const { target } = await yard.open()
  const { ledger, lease } = await target.read()
  const live = await target.live()
  const running = Object.entries(yard.containers()).filter(([, state]) => state === 'running')
  const good = ledger.entries.find(({ id }) => id === ledger.serving)
  expect({ what, lease, live, running }).toEqual({
    what,
    lease: null,
    live: { release: ledger.serving, version: good?.version, image: yard.images.checked, ready: true },
    running: [[yard.container, 'running']],
  })
  expect(await yard.ask()).toBe(good?.version)
  return good?.version ?? ''
}

/** Does something whose n-th call is the last; then settles what it left, and looks whether the promise was held. */
async function cutOff(at: number, calls: number, work: (host: string) => Promise<void>): Promise<void> {
  const proxy = await openCuttingProxy(yard.lab.docker.host, at, phases[at % 3] ?? 'before')
  await work(proxy.host).catch((error: unknown) => {
    if (!proxy.cut()) throw new Error(`before call ${at} of ${calls}`, { cause: error })
  })
  const what = `${phases[at % 3] ?? ''} ${proxy.changes.at(-1) ?? ''} (${at} of ${calls})`
  await proxy.close()
  try {
    await settleAfter(at % 2 === 0 ? 'killed' : 'another')
    await expectThePromise(what)
    expect(await settleAfter('again')).toBe('nothing')
  } catch (cause) {
    throw new Error(`after ${what}`, { cause })
  }
}

/** How many calls that change something it takes. */
async function countCalls(work: (host: string) => Promise<void>): Promise<number> {
  const proxy = await openCuttingProxy(yard.lab.docker.host, Infinity, 'before')
  await work(proxy.host)
  await proxy.close()
  expect(proxy.changes.length).toBeGreaterThan(8)
  return proxy.changes.length
}

test.each([
  ['a good release', { VERSION: 'v1.1.0' }],
  ['an ill one', { VERSION: 'v1.1.0', MODE: 'sick' }],
])('%s, cut off at any call that changes something, is settled to a good one', async (_name, config) => {
  const calls = await countCalls(host => deploy(host, config))
  await settleAfter('killed')
  for (let at = 1; at <= calls; at++) await cutOff(at, calls, host => deploy(host, config))
})

test('a rollback of a good release, cut off at any call that changes something, ends at a good one', async () => {
  await deploy(yard.lab.docker.host, { VERSION: 'v1.2.0' })
  const calls = await countCalls(goBack)
  for (let at = 1; at <= calls; at++) {
    await deploy(yard.lab.docker.host, { VERSION: `v1.3.${at}` })
    await cutOff(at, calls, goBack)
  }
})

async function goBack(host: string): Promise<void> {
  const { target } = await yard.open({ host })
  const tenure = await takeFree(target, run('killed'), -5_000)
  const { entries, serving } = tenure.ledger
  const good = entries.findLast(({ id, state }) => state === 'good' && id !== serving)
  if (!good || !serving) throw new Error('there is no way back')
  await bringBack(target, tenure, good.id, serving)
  await tenure.end()
}
