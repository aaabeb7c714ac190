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

async function changesOf(config: Record<string, string>): Promise<number> {
  const proxy = await openCuttingProxy(yard.lab.docker.host, Infinity, 'before')
  await deploy(proxy.host, config)
  await proxy.close()
  await settleAfter('killed')
  return proxy.changes.length
}

test.each([
  ['a good release', { VERSION: 'v1.1.0' }],
  ['an ill one', { VERSION: 'v1.1.0', MODE: 'sick' }],
])('%s, cut off at any call that changes something, is settled to a good one', async (_name, config) => {
  const calls = await changesOf(config)
  expect(calls).toBeGreaterThan(8)
  for (let at = 1; at <= calls; at++) {
    const phase = phases[at % 3] ?? 'before'
    const proxy = await openCuttingProxy(yard.lab.docker.host, at, phase)
    await deploy(proxy.host, config).catch((error: unknown) => {
      if (!proxy.cut()) throw error
    })
    const what = `${phase} ${proxy.changes.at(-1) ?? ''} (${at} of ${calls})`
    await proxy.close()
    const asker = at % 2 === 0 ? 'killed' : 'another'
    await settleAfter(asker)
    await expectThePromise(what)
    expect(await settleAfter('again')).toBe('nothing')
  }
})
