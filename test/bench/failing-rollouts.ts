import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enterRoom, type Room } from '../e2e/kubernetes/cluster.ts'
import { atDefaults, boundSeconds, helm, kubectl, kubedog, us } from './contenders.ts'
import type { Arena, Contender, Told } from './contenders.ts'
import { failingCases, good, type FailingCase } from './failing-cases.ts'
import { inLanes } from './lanes.ts'
import { median, type Bench, type Beside, type Measurement } from './measurement.ts'
import { buildPrograms } from '../lab/build-programs.ts'

/** For who decides by itself; who waits for a deadline is measured once, beside the rounds. */
const rounds = 3
/** Cases at a time: more, and two cores measure each other. */
const lanes = 3
const mostMs = 8_000
const timesSooner = 10
const ahead = "a tenth of kubectl's and Helm's defaults, and sooner than kubedog"
const aims: Record<FailingCase['shownBy'], string> = {
  cluster: `at most 8 s, ${ahead}`,
  answer: ahead,
  time: 'no sooner than a good start can take',
}

/** A pattern of names of cases: those alone are measured. */
const only = new RegExp(process.env['FAILING_ONLY'] ?? '')

/** How soon a rollout that cannot succeed is reported: by us, kubectl, Helm and kubedog. */
export const failingRollouts: Bench = {
  name: 'failing-rollouts',
  async run() {
    const tools = await buildPrograms(['kubectl', 'helm', 'kubedog'])
    const room = enterRoom('bench-failing')
    const work = mkdtempSync(join(tmpdir(), 'runbook-bench-'))
    const halls = new Halls(room)
    try {
      return await inLanes(
        lanes,
        failingCases.filter(({ name }) => only.test(name)),
        async (each, index) => {
          const arena = (who: string): Arena => ({
            folder: join(work, `${index}-${who}`),
            kubeconfig: room.lab.kubeconfig,
            namespace: halls.open(`${index}-${who}`, each),
            image: room.image,
            good: each.before ?? good,
            bad: each.manifests,
          })
          const told = await compete({
            us: us(arena('us')),
            kubedog: kubedog(arena('kubedog'), tools),
            kubectl: kubectl(arena('kubectl'), tools),
            helm: helm(arena('helm'), tools),
          })
          const measured = compare(each, told)
          console.log(`   ${each.name}: ${measured.value} s; ${measured.versus}`)
          return measured
        },
      )
    } finally {
      rmSync(work, { recursive: true })
      halls.close()
      await room.leave()
    }
  },
}

type Field = Record<'us' | 'kubedog' | 'kubectl' | 'helm', Contender>

async function compete(field: Field) {
  for (const contender of Object.values(field)) await contender.makeGood()
  const inTurn = async () => {
    const [ours, theirs]: [Told[], Told[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await Promise.all([field.us.makeGood(), field.kubedog.makeGood()])
      ours.push(await field.us.tryBad())
      theirs.push(await field.kubedog.tryBad())
    }
    return { us: ours, kubedog: theirs }
  }
  const [turns, byKubectl, byHelm] = await Promise.all([
    inTurn(),
    field.kubectl.tryBad(),
    field.helm.tryBad(),
  ])
  return { ...turns, kubectl: byKubectl, helm: byHelm }
}

type Results = Awaited<ReturnType<typeof compete>>

function compare({ name, shownBy }: FailingCase, told: Results): Measurement {
  const ours = median(told.us.map(({ ms }) => ms))
  const theirs = { kubectl: atDefaults('kubectl', told.kubectl), helm: atDefaults('helm', told.helm) }
  const refused = told.us.every(({ verdict }) => verdict === 'refused')
  const right = refused || told.us.every(({ verdict }) => verdict === 'failed')
  // One that reports a success has not reported the failure sooner.
  const sooner = (['kubectl', 'helm'] as const).every(
    who => told[who].verdict === 'ready' || theirs[who] >= ours * timesSooner,
  )
  const middle = median(told.kubedog.map(({ ms }) => ms))
  const byKubedog = [told.kubedog.find(({ ms }) => ms === middle), middle] as const
  const isAhead = ours < middle || told.kubedog.every(({ verdict }) => verdict === 'ready')
  const words = told.us.find(({ verdict }) => verdict !== 'failed') ?? told.us[0]
  return {
    name: `failing rollout: ${name}`,
    value: inSeconds(ours),
    unit: 's',
    versus: [
      say('kubectl apply + rollout status', told.kubectl, theirs.kubectl),
      say('helm upgrade --rollback-on-failure', told.helm, theirs.helm),
      say('kubedog', ...byKubedog),
    ].join('; '),
    aim: aims[shownBy],
    met: right && (shownBy === 'time' || (sooner && isAhead)) && (shownBy !== 'cluster' || ours <= mostMs),
    at: new Date().toISOString(),
    note: [
      `from apply to the end of the step, median of ${rounds}; with its start and dry run ${inSeconds(median(told.us.map(({ wholeMs }) => wholeMs)))} s`,
      ...(right ? [] : ['not reported as failed']),
      ...(refused ? ['refused in the dry run, before anything was changed'] : []),
      `we say: ${(words?.words ?? '').slice(0, 160)}`,
      ...(shownBy === 'time'
        ? ['a good start that is slow looks the same, and kubedog fails it as soon']
        : []),
    ].join('; '),
    ...(right ? {} : { ours: 'not reported as failed' }),
    beside: [
      bar('kubectl', told.kubectl, theirs.kubectl),
      bar('Helm', told.helm, theirs.helm),
      bar('kubedog', ...byKubedog),
    ],
  }
}

/** @param ms at their defaults */
function say(who: string, told: Told | undefined, ms: number): string {
  if (told?.verdict === 'ready') return `${who}: a success, after ${inSeconds(told.ms)} s`
  if (told?.verdict !== 'late') return `${who} ${inSeconds(ms)} s`
  if (told.ms === ms) return `${who} said nothing in ${boundSeconds} s`
  return `${who} ${inSeconds(ms)} s (measured: ${inSeconds(told.ms)} s with a deadline of ${boundSeconds} s)`
}

function bar(who: string, told: Told | undefined, ms: number): Beside {
  return {
    name: who,
    value: inSeconds(ms),
    ...(told?.verdict === 'ready' ? { says: 'calls it a success' } : {}),
    ...(told?.verdict === 'late' && told.ms === ms ? { says: 'no word in this time' } : {}),
  }
}

function inSeconds(ms: number): number {
  return Math.round(ms / 100) / 10
}

/** Namespaces of the bench, each with what stands in the way there. */
class Halls {
  readonly #room: Room
  readonly #open: { namespace: string; obstacle: string }[] = []

  constructor(room: Room) {
    this.#room = room
  }

  open(name: string, { obstacle }: FailingCase): string {
    const namespace = `${this.#room.namespace}-${name}`
    const hall = { namespace, obstacle: obstacle?.(namespace) ?? '' }
    this.#open.push(hall)
    this.#room.kubectl('create', 'namespace', namespace)
    this.#room.kubectl('wait', '-n', namespace, '--for=create', 'serviceaccount/default', '--timeout=30s')
    if (hall.obstacle) this.#kubectl(hall.obstacle, 'apply', '-f', '-')
    return namespace
  }

  close(): void {
    for (const { obstacle } of this.#open) {
      if (obstacle) this.#kubectl(obstacle, 'delete', '--ignore-not-found', '-f', '-')
    }
    const names = this.#open.map(({ namespace }) => namespace)
    if (names.length > 0) this.#room.kubectl('delete', 'namespace', '--wait=false', ...names)
  }

  #kubectl(input: string, ...args: string[]): void {
    const { kubectl, kubeconfig } = this.#room.lab
    execFileSync(kubectl, ['--kubeconfig', kubeconfig, ...args], { input })
  }
}
