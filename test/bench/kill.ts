import { pushImages } from '../e2e/docker/yard.ts'
import { enterDockerStage } from '../e2e/kill/docker-stage.ts'
import { faultKinds, type FaultKind } from '../e2e/kill/fault.ts'
import { enterKubernetesStage } from '../e2e/kill/kubernetes-stage.ts'
import { nameOf, openRange, type Point } from '../e2e/kill/sweep.ts'
import { scenarios, type Scenario } from '../e2e/kill/scenario.ts'
import type { Stage } from '../e2e/kill/stage.ts'
import type { Bench, Measurement } from './measurement.ts'

/** Ports of the Docker stages: below those that the kernel gives out by itself. */
const firstPort = 24_100
/** Environments that are worked on at once, a target. */
const ranges = Number(process.env['KILL_RANGES'] ?? 2)
/** `kubernetes/deploy/kill-before/4`, or a pattern of such names. */
const only = new RegExp(process.env['KILL_ONLY'] ?? '')
/** No step makes so many writes: one that goes on for ever has to end. */
const mostWrites = 80

/** What is measured by itself: the ends that matter most come first, and those that wait long come last. */
const families: Record<string, (kind: FaultKind) => boolean> = {
  killed: kind => kind.startsWith('kill-'),
  'killed at a heartbeat': kind => kind.startsWith('beat-'),
  'late or frozen': kind => kind.startsWith('late-') || kind.startsWith('freeze-'),
  cancelled: kind => kind === 'cancel',
  'network cut': kind => kind.startsWith('cut-'),
}

interface Class {
  target: Stage['target']
  scenario: Scenario
  kind: FaultKind
}

interface Tally extends Class {
  tried: number
  broken: string[]
  ms: number
}

/**
 * Every point at which a step can die: each step on each target, at each of its writes, in each way. What is left is
 * settled, and held against the promise from the outside.
 */
export const kill: Bench = {
  name: 'kill',
  async run() {
    const from = performance.now()
    const images = pushImages()
    const tallies = await Promise.all([
      ...lanes('kubernetes', lane => number => enterKubernetesStage(`${lane}-${number}`)),
      ...lanes('docker', lane => number => enterDockerStage(`${lane}-${number}`, firstPort + lane, images)),
    ])
    const all = tallies.flat()
    for (const { target, scenario, kind, tried, broken, ms } of all) {
      const held = tried - broken.length
      const mark = broken.length > 0 ? 'x' : '+'
      console.log(
        `${mark} ${target} ${scenario.name} ${kind}: ${held} of ${tried} held, ${Math.round(ms / 1_000)} s`,
      )
    }
    const minutes = Math.round((performance.now() - from) / 60_000)
    return (['kubernetes', 'docker'] as const).flatMap(target =>
      Object.entries(families).flatMap(([family, isOf]) => {
        const classes = scenarios.flatMap(scenario =>
          faultKinds.filter(isOf).map((kind): Class => ({ target, scenario, kind })),
        )
        // Some points alone are tried to see them again, not to be measured.
        if (classes.some(each => points(each).length < allPoints(each).length)) return []
        const tallies = all.filter(each => each.target === target && isOf(each.kind))
        return measure(target, family, tallies, minutes)
      }),
    )
  },
}

function lanes(
  target: Stage['target'],
  enter: (lane: number) => (number: number) => Stage,
): Promise<Tally[]>[] {
  const queue = Object.values(families)
    .flatMap(isOf => faultKinds.filter(isOf))
    .flatMap(kind => scenarios.map((scenario): Class => ({ target, scenario, kind })))
    .filter(each => points(each).length > 0)
  return Array.from({ length: ranges }, async (_, lane) => {
    const range = openRange(enter(lane))
    const tallies: Tally[] = []
    try {
      for (let next = queue.shift(); next; next = queue.shift()) tallies.push(await tryAll(range, next))
    } finally {
      await range.close()
    }
    return tallies
  })
}

function points(each: Class): Point[] {
  return allPoints(each).filter(point => only.test(nameOf(each.target, point)))
}

function allPoints({ scenario, kind }: Class): Point[] {
  // A heartbeat is one class, wherever it falls.
  const writes = kind.startsWith('beat') ? [2] : Array.from({ length: mostWrites }, (_, index) => index + 1)
  return writes.map((at): Point => ({ scenario, fault: { kind, at } }))
}

async function tryAll(range: ReturnType<typeof openRange>, each: Class): Promise<Tally> {
  const tally: Tally = { ...each, tried: 0, broken: [], ms: 0 }
  const from = performance.now()
  for (const point of points(each)) {
    const name = nameOf(each.target, point)
    const { reached, line, broken } = await range.try(point)
    if (!reached && broken.length === 0) break
    tally.tried++
    console.log(`${broken.length > 0 ? 'x' : '+'} ${name}: ${line}`)
    if (broken.length === 0) continue
    tally.broken.push(name)
    for (const text of broken) console.log(`    ${text.replaceAll('\n', '\n    ')}`)
    console.log(`    again: KILL_ONLY='^${name}$' script/bench kill`)
  }
  tally.ms = performance.now() - from
  return tally
}

function measure(target: Stage['target'], family: string, tallies: Tally[], minutes: number): Measurement {
  const tried = tallies.reduce((sum, each) => sum + each.tried, 0)
  const broken = tallies.flatMap(each => each.broken)
  return {
    name: `${target}: promise held when ${family}`,
    value: tried > 0 ? Math.round(((tried - broken.length) / tried) * 10_000) / 100 : 0,
    unit: '%',
    versus: `${tried - broken.length} of ${tried} points`,
    aim: '100% of all points',
    met: tried > 0 && broken.length === 0,
    at: new Date().toISOString(),
    note: [`${minutes} minutes, ${ranges} environments at once`, ...broken].join(', '),
  }
}
