import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import type { Ledger } from '../../../shared/release/ledger.ts'
import { unsettled } from '../../../shared/release/ledger.ts'
import type { Lease } from '../../../shared/release/lease.ts'
import type { Target } from '../../../shared/targets/target.ts'
import { openLab } from '../../lab/lab.ts'
import { pushImages } from '../docker/yard.ts'
import { startCommand, startElsewhere, type CommandEnd, type RunningCommand } from './command.ts'
import { enterDockerStage } from './docker-stage.ts'
import { enterKubernetesStage } from './kubernetes-stage.ts'
import { settledDifferences, versionOf, type Look, type Stage } from './stage.ts'

// `runbook deploy` is killed while its release is watched: in the gate, and in the smoke test. How long it takes from there
// until a good release is live, and known to be, is measured for each way to restore it; it is printed, and decides nothing.

jest.setTimeout(400_000)

/** A gate and a load that are over soon, or that go on until the process is dead. */
const watches = {
  quick: ['600ms', 1, 200],
  'in the gate': ['5m', 1, 200],
  'in the smoke test': ['600ms', 1_000, 2],
} as const
type Watch = keyof typeof watches

describe.each(['docker', 'kubernetes'] as const)('on %s', kind => {
  let stage: Stage
  let target: Target
  let live: Look = { number: 0, ill: false }
  let number = 0
  beforeAll(async () => {
    stage =
      kind === 'docker' ? enterDockerStage('watched', 23_014, pushImages()) : enterKubernetesStage('watched')
    writeFileSync(
      join(stage.folder, 'suite.yml'),
      'name: root\nrequests:\n  - { name: root, path: / }\nload: { path: / }\n',
    )
    write(live, 'quick')
    target = await stage.openTarget()
    const { code, log } = await run('deploy', versionOf(live), '--image', stage.image)
    if (code !== 0) throw new Error(log)
  })
  afterAll(async () => {
    await target.close()
    await stage.leave()
  })

  const call = (words: string[]) => ({
    words: [...words, '--config', 'runbook.yml'],
    folder: stage.folder,
    env: access(kind, stage),
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
    const deploying = startCommand(call(['deploy', 'main', versionOf(look), '--image', stage.image]))
    const lease = await untilWatched(target, deploying, watch)
    deploying.kill()
    const diedAt = performance.now()
    await deploying.ended
    return { last, look, lease, diedAt }
  }
  /** Milliseconds from the death until the good release, and nothing else, is live. */
  const liveAgain = async (look: Look, diedAt: number): Promise<number> => {
    const { ledger } = await target.read()
    expect(await settledDifferences(() => stage.compare(look, ledger.serving ?? ''))).toEqual([])
    return performance.now() - diedAt
  }

  test.each(['in the gate', 'in the smoke test'] as const)(
    'a deploy that is killed %s is rolled back on the same machine without waiting for its lock',
    async watch => {
      const { last, lease, diedAt } = await die(watch)
      expect(lease).toMatchObject({ handedOver: false, holder: { process: { format: 1 } } })

      const { code, log } = await run('rollback')

      console.log(
        `${kind}, killed ${watch}, rollback on the same machine: ${seconds(await liveAgain(last, diedAt))}`,
      )
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

    const { code, log } = await run('deploy', versionOf(next), '--image', stage.image)

    console.log(
      `${kind}, killed in the gate, next deploy on the same machine: ${seconds(await liveAgain(next, diedAt))}`,
    )
    expect(log).not.toContain('Waiting for')
    expect(log).toContain('was left unfinished')
    expect(code).toBe(0)
    live = next
  })

  test('one that is killed in the smoke test is gated again and finished by another machine once its lock has run out', async () => {
    const { look, lease, diedAt } = await die('in the smoke test')
    const settle = (): Promise<CommandEnd> => startElsewhere(call(['settle', 'main'])).ended

    const early = await settle()
    expect(early.log).toContain('lease-held')
    expect(early.log).toContain('runbook rollback main --unlock')
    // What is renewed for a minute at a time is not left for longer.
    expect(lease.deadline).toBeLessThanOrEqual(Date.now() + 60_000)
    for (let left: Lease | null = lease; left; left = (await target.read()).lease) {
      await settle()
      await sleep(500)
    }

    console.log(
      `${kind}, killed in the smoke test, settle on another machine: ${seconds(await liveAgain(look, diedAt))}`,
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

/** Files and variables that lead a command to the stage's target: nothing secret on its command line. */
function access(kind: Stage['target'], { folder }: Stage): Record<string, string> {
  const lab = openLab()
  if (kind === 'docker') return { DOCKER_HOST: lab.docker.host }
  const file = join(folder, 'kubeconfig')
  writeFileSync(file, readFileSync(lab.kubeconfig, 'utf8'), { mode: 0o600 })
  return { KUBECONFIG: file }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s from its death until the good release was live`
}
