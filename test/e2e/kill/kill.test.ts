import { expect, jest, test } from '@jest/globals'
import { pushImages } from '../docker/yard.ts'
import { enterDockerStage } from './docker-stage.ts'
import type { FaultKind } from './fault.ts'
import { enterKubernetesStage } from './kubernetes-stage.ts'
import { scenarios } from './scenario.ts'
import type { Stage } from './stage.ts'
import { nameOf, openRange, type Point, type Range } from './sweep.ts'

// Both sweeps take about ten minutes beside other tests; twice that says that one hangs.
jest.setTimeout(1_200_000)

// 40 of the points of `script/bench kill`, which tries them all. Others: KILL_SEED=2 script/test e2e/kill/kill
const seed = Number(process.env['KILL_SEED'] ?? 1)
const pointsPerTarget = 20
/** Those that are over soon, the kills most often; of a step that watches the service, those in the middle of it. */
const kinds: FaultKind[] = [
  'kill-before',
  'kill-withheld',
  'kill-answered',
  'kill-before',
  'kill-withheld',
  'kill-answered',
  'cancel',
  'late-within',
  'late-after',
  'freeze-before',
  'freeze-answered',
  'kill-asking',
  'kill-asking',
  'kill-asking',
  'runner-dies',
  'runner-dies',
]

// Both targets at once: most of the time goes into waiting for pods and containers.
const sweeps = {
  kubernetes: sweep('kubernetes', () => number => enterKubernetesStage(`seeded-${number}`)),
  docker: sweep('docker', () => {
    const images = pushImages()
    return number => enterDockerStage(`seeded-${number}`, 23_004, images)
  }),
}

test.each(['kubernetes', 'docker'] as const)(
  `%s keeps the promise at ${pointsPerTarget} points, seed ${seed}`,
  async target => {
    const { tried, broken, live } = await sweeps[target]
    for (const [step, times] of Map.groupBy(live, ({ step }) => step))
      console.log(`${target}, ${step}: ${showTimes(times)}`)
    expect(broken).toEqual([])
    expect(tried).toBe(pointsPerTarget)
  },
)

async function sweep(
  target: Stage['target'],
  prepare: () => (number: number) => Promise<Stage>,
): Promise<{ tried: number; broken: string[]; live: LiveTime[] }> {
  const random = numbers(seed + target.length)
  const range = openRange(prepare())
  const result = { tried: 0, broken: [] as string[], live: [] as LiveTime[] }
  try {
    for (let count = 0; count < pointsPerTarget; count++) {
      const point = draw(random, target)
      const [last, { reached, broken, liveMs }] = await tryWithin(range, point)
      if (reached) result.tried++
      if (liveMs !== undefined) result.live.push({ step: point.scenario.name, ms: liveMs })
      if (broken.length > 0)
        result.broken.push([`${nameOf(target, last)} (seed ${seed})`, ...broken].join('\n'))
    }
  } finally {
    await range.close()
  }
  return result
}

/** How many writes or requests a step makes shows when it has made them: a number beyond its last is taken modulo. */
async function tryWithin(range: Range, point: Point): Promise<[Point, Awaited<ReturnType<Range['try']>>]> {
  const first = await range.try(point)
  if (first.reached || first.points === 0) return [point, first]
  const { kind, at } = point.fault
  const again = { ...point, fault: { kind, at: ((at - 1) % first.points) + 1 } }
  return [again, await range.try(again)]
}

function draw(random: () => number, target: Stage['target']): Point {
  const pick = <T>(from: T[]): T => from[Math.floor(random() * from.length)] as T
  const scenario = pick(scenarios)
  const kind = pick(kinds.filter(each => scenario.kinds.includes(each)))
  const writes = target === 'kubernetes' ? 10 : 21
  const most =
    kind === 'runner-dies' ? 1 : kind === 'kill-asking' ? (requests[scenario.name] ?? writes) : writes
  return { scenario, fault: { kind, at: 1 + Math.floor(random() * most) } }
}

/** Requests to the service that a step sends, which are known: see `writeRunbook`. */
const requests: Record<string, number> = { 'health-gate': 12, 'smoke-test': 41 }

/** How long it took from a death until the good release received the traffic again. */
interface LiveTime {
  step: string
  ms: number
}

function showTimes(times: LiveTime[]): string {
  const seconds = times.map(({ ms }) => (ms / 1_000).toFixed(1))
  return `${seconds.join(', ')} s from the death until the good release received the traffic`
}

/** Mulberry32: the same numbers for the same seed, between 0 and 1. */
function numbers(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
