import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Ledger } from '../../../shared/release/ledger.ts'
import { unsettled } from '../../../shared/release/ledger.ts'
import type { Lease } from '../../../shared/release/lease.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { pushImages } from '../docker/yard.ts'
import { installPm2 } from '../process/machine.ts'
import { startCommand, startElsewhere, type CommandEnd, type RunningCommand } from './command.ts'
import { enterDockerStage } from './docker-stage.ts'
import { enterKubernetesStage } from './kubernetes-stage.ts'
import { enterProcessSite } from './process-site.ts'
import { answerOf, settledDifferences, versionOf, type Look, type Site } from './stage.ts'
import { watchTraffic, type Traffic } from './traffic.ts'

// `runbook deploy` is killed while its release is watched: in the gate, and in the smoke test. How long it takes from there
// until a good release is live, and known to be, is measured for each way to restore it; it is printed, and decides nothing.

jest.setTimeout(400_000)

/** A gate and a load that are over soon, or that go on until the process is dead. */
const watches = {
  quick: ['2s', 1, 200],
  'in the gate': ['5m', 1, 200],
  'in the smoke test': ['2s', 1_000, 2],
} as const
type Watch = keyof typeof watches

describe.each(['docker', 'kubernetes', 'process'] as const)('on %s', kind => {
  let stage: Site
  let target: Target
  let live: Look = { number: 0, ill: false }
  let number = 0
  beforeAll(async () => {
    stage = await sites[kind]()
    write(live, 'quick')
    target = await stage.openTarget()
    const { code, log } = await run('deploy', versionOf(live), ...imageOf(stage))
    if (code !== 0) throw new Error(log)
  })
  let traffic: Traffic | undefined
  afterEach(() => traffic?.abandon())
  afterAll(async () => {
    await target.close()
    await stage.leave()
  })

  const call = (words: string[]) => ({
    words: [...words, '--config', 'runbook.yml'],
    folder: stage.folder,
    env: stage.access(),
  })
  const run = (step: string, ...words: string[]): Promise<CommandEnd> =>
    startCommand(call([step, 'main', ...words])).ended
  const write = (look: Look, watch: Watch) => {
    stage.write(look)
    const file = join(stage.folder, 'runbook.yml')
    const [time, requests, rate] = watches[watch]
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => !/^ {4}(gate|smoke):/.test(line) && line !== '')
    const gate = `    gate: { for: ${time}, interval: 50ms, error-rate: 50%, paths: [/], baseline: 0s, warm-up: 10s }`
    const smoke = `    smoke: { suite: suite.yml, requests: ${requests}, concurrency: 1, max-rate: ${rate} }`
    writeFileSync(file, `${[...lines, gate, smoke].join('\n')}\n`)
  }

  /** Of another kind than what it takes the place of: see `Look`. */
  const nextLook = (): Look => {
    number += (number + 1 - live.number) % 2 === 0 ? 2 : 1
    return { number, ill: false }
  }
  /** Deploys the next release, and kills it once it is watched. */
  const die = async (
    watch: Exclude<Watch, 'quick'>,
  ): Promise<{ last: Look; look: Look; lease: Lease; diedAt: number }> => {
    const last = live
    const look = nextLook()
    write(look, watch)
    const deploying = startCommand(call(['deploy', 'main', versionOf(look), ...imageOf(stage)]))
    const lease = await untilWatched(target, deploying, watch)
    traffic = watchTraffic(() => stage.ask())
    deploying.kill()
    const diedAt = performance.now()
    await deploying.ended
    return { last, look, lease, diedAt }
  }
  /** Prints how long it took from the death until the good release, and no other, received the traffic; and was known to. */
  const showLive = async (how: string, look: Look, diedAt: number): Promise<void> => {
    const known = performance.now() - diedAt
    const { ledger } = await target.read()
    expect(await settledDifferences(() => stage.compare(look, ledger.serving ?? ''))).toEqual([])
    const live = (await traffic?.end(answerOf(look), diedAt)) ?? NaN
    console.log(
      `${kind}, ${how}: the good release received the traffic ${seconds(live)} after the death; it was known after ${seconds(known)}`,
    )
  }

  test.each(['in the gate', 'in the smoke test'] as const)(
    'a deploy that is killed %s is rolled back on the same machine without waiting for its lock',
    async watch => {
      const { last, lease, diedAt } = await die(watch)
      expect(lease).toMatchObject({ handedOver: false, holder: { process: { format: 1 } } })

      const { code, log } = await run('rollback')

      await showLive(`killed ${watch}, rollback on the same machine`, last, diedAt)
      expect(log).not.toContain('Waiting for')
      expect(code).toBe(0)
      const { ledger, lease: left } = await target.read()
      expect([unsettled(ledger), ledger.restoring, left]).toEqual([undefined, null, null])
      expect(ledger.acts.at(-1)).toMatchObject({ kind: 'rollback', by: 'ada', verdict: 'healthy' })
    },
  )

  test('one that is killed in the gate is undone by the next deploy on the same machine', async () => {
    const { diedAt } = await die('in the gate')
    const next = nextLook()
    write(next, 'quick')

    const { code, log } = await run('deploy', versionOf(next), ...imageOf(stage))

    await showLive('killed in the gate, next deploy on the same machine', next, diedAt)
    expect(log).not.toContain('Waiting for')
    expect(log).toContain('was left unfinished')
    expect(code).toBe(0)
    live = next
  })

  // A pm2 is on one machine, and so is all that changes it: there the dead process is recognised at once.
  const elsewhere = kind !== 'process'
  test(`one that is killed in the smoke test is gated again and finished${elsewhere ? ' by another machine once its lock has run out' : ''}`, async () => {
    const { look, lease, diedAt } = await die('in the smoke test')
    const start = elsewhere ? startElsewhere : startCommand
    const settle = (): Promise<CommandEnd> => start(call(['settle', 'main'])).ended

    const early = await settle()
    if (elsewhere) {
      expect(early.log).toContain('lease-held')
      expect(early.log).toContain('runbook rollback main --unlock')
    } else expect(early.log).not.toContain('Waiting for')
    // What is renewed for a minute at a time is not left for longer.
    expect(lease.deadline).toBeLessThanOrEqual(Date.now() + 60_000)
    for (let { lease: left } = await target.read(); left; left = (await target.read()).lease) {
      await settle()
      await sleep(500)
    }

    await showLive(
      `killed in the smoke test, recovery${elsewhere ? ' on another machine' : ''}`,
      look,
      diedAt,
    )
    const { ledger } = await target.read()
    expect(ledger.entries.at(-1)).toMatchObject({
      id: ledger.serving,
      version: versionOf(look),
      state: 'good',
    })
  })
})

/** Waits until the release is watched in that way, and its lock was renewed in the middle of it. */
async function untilWatched(
  target: Target,
  running: RunningCommand,
  watch: Exclude<Watch, 'quick'>,
): Promise<Lease> {
  let ended: CommandEnd | undefined
  void running.ended.then(end => {
    ended = end
  })
  const isWatched = (ledger: Ledger) => {
    const open = unsettled(ledger)
    return watch === 'in the gate' ? open?.state === 'ready' : open?.gate === 'pass'
  }
  for (let first: number | undefined; ;) {
    await sleep(100)
    if (ended) throw new Error(`it ended before it could be killed:\n${ended.log}`)
    const { ledger, lease } = await target.read()
    if (!lease || !isWatched(ledger)) continue
    first ??= lease.deadline
    if (lease.deadline > first) return lease
  }
}

const sites: Record<Site['target'], () => Promise<Site> | Site> = {
  docker: () => enterDockerStage('watched', 23_014, pushImages()),
  kubernetes: () => enterKubernetesStage('watched'),
  process: () => enterProcessSite(installPm2(), 23_017),
}

function imageOf({ image }: Site): string[] {
  return image === '' ? [] : ['--image', image]
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
