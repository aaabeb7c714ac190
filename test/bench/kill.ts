import { pushImages } from '../e2e/docker/yard.ts'
import { enterDockerStage } from '../e2e/kill/docker-stage.ts'
import { faultKinds, type FaultKind } from '../e2e/kill/fault.ts'
import { enterKubernetesStage } from '../e2e/kill/kubernetes-stage.ts'
import { nameOf, openRange, type Point } from '../e2e/kill/sweep.ts'
import { scenarios, type Scenario } from '../e2e/kill/scenario.ts'
import type { Stage } from '../e2e/kill/stage.ts'
import { median, type Bench, type Measurement } from './measurement.ts'

/** Ports of the Docker stages: below those that the kernel gives out by itself. */
const firstPort = 24_100
/** Environments that are worked on at once, a target. */
const ranges = Number(process.env['KILL_RANGES'] ?? 2)
/** `kubernetes/deploy/kill-before/4`, or a pattern of such names. */
const only = new RegExp(process.env['KILL_ONLY'] ?? '')
/** No step makes so many writes: one that goes on for ever has to end. */
const mostWrites = 80
/** Of the requests that a step sends to the service: one is like the next. */
const everyRequest = 4

/** What is measured by itself: the ends that matter most come first, and those that wait long come last. */
const families: Record<string, (kind: FaultKind) => boolean> = {
  killed: kind => kind.startsWith('kill-') && kind !== 'kill-asking',
  'killed at a heartbeat': kind => kind.startsWith('beat-'),
  'late or frozen': kind => kind.startsWith('late-') || kind.startsWith('freeze-'),
  cancelled: kind => kind === 'cancel',
  'network cut': kind => kind.startsWith('cut-'),
  'killed while the service is watched': kind => kind === 'kill-asking',
  'the runner dies between two steps': kind => kind === 'runner-dies',
}

interface Class {
  target: Stage['target']
  scenario: Scenario
  kind: FaultKind
}

interface Tally extends Class {
  tried: number
  broken: string[]
  /** Milliseconds from the death until the good release received the traffic, of each point that held. */
  live: number[]
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
        const classes = faultKinds.filter(isOf).flatMap(kind => classesOf(target, kind))
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
  enter: (lane: number) => (number: number) => Promise<Stage>,
): Promise<Tally[]>[] {
  const queue = Object.values(families)
    .flatMap(isOf => faultKinds.filter(isOf))
    .flatMap(kind => classesOf(target, kind))
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

function classesOf(target: Stage['target'], kind: FaultKind): Class[] {
  return scenarios
    .filter(({ kinds }) => kinds.includes(kind))
    .map((scenario): Class => ({ target, scenario, kind }))
}

function points(each: Class): Point[] {
  return allPoints(each).filter(point => only.test(nameOf(each.target, point)))
}

function allPoints({ scenario, kind }: Class): Point[] {
  return placesOf(kind).map((at): Point => ({ scenario, fault: { kind, at } }))
}

function placesOf(kind: FaultKind): number[] {
  if (kind === 'runner-dies') return [1]
  // A heartbeat is one class, wherever it falls.
  if (kind.startsWith('beat')) return [2]
  const every = kind === 'kill-asking' ? everyRequest : 1
  return Array.from({ length: Math.ceil(mostWrites / every) }, (_, index) => 1 + index * every)
}

async function tryAll(range: ReturnType<typeof openRange>, each: Class): Promise<Tally> {
  const tally: Tally = { ...each, tried: 0, broken: [], live: [], ms: 0 }
  const from = performance.now()
  for (const point of points(each)) {
    const name = nameOf(each.target, point)
    const { reached, line, broken, liveMs } = await range.try(point)
    if (!reached && broken.length === 0) break
    tally.tried++
    if (liveMs !== undefined) tally.live.push(liveMs)
    const live = liveMs === undefined ? '' : `, the good release live after ${seconds(liveMs)} s`
    console.log(`${broken.length > 0 ? 'x' : '+'} ${name}: ${line}${live}`)
    if (broken.length === 0) continue
    tally.broken.push(name)
    for (const text of broken) console.log(`    ${text.replaceAll('\n', '\n    ')}`)
    console.log(`    again: KILL_ONLY='^${name}$' script/bench kill`)
  }
  tally.ms = performance.now() - from
  return tally
}

function measure(target: Stage['target'], family: string, tallies: Tally[], minutes: number): Measurement[] {
  const tried = tallies.reduce((sum, each) => sum + each.tried, 0)
  const broken = tallies.flatMap(each => each.broken)
  const promise: Measurement = {
    name: `${target}: promise held when ${family}`,
    value: tried > 0 ? Math.round(((tried - broken.length) / tried) * 10_000) / 100 : 0,
    unit: '%',
    versus: `${tried - broken.length} of ${tried} points`,
    aim: '100% of all points',
    met: tried > 0 && broken.length === 0,
    at: new Date().toISOString(),
    note: [`${minutes} minutes, ${ranges} environments at once`, ...broken].join(', '),
  }
  return [promise, ...liveAgain(target, family, tallies)]
}

/** How long the service was without the release that is live in the end; what finishes the dead step starts at once. */
function liveAgain(target: Stage['target'], family: string, tallies: Tally[]): Measurement[] {
  const all = tallies.flatMap(({ live }) => live)
  if (all.length === 0) return []
  const steps = Map.groupBy(tallies, ({ scenario }) => scenario.name)
  const longest = [...steps].flatMap(([step, those]) => {
    const times = those.flatMap(({ live }) => live)
    return times.length > 0 ? [`${step} ${seconds(Math.max(...times))} s`] : []
  })
  return [
    {
      name: `${target}: from the death to the good release live, ${family}`,
      value: Number(seconds(median(all))),
      unit: 's',
      versus: `longest ${seconds(Math.max(...all))} s, of ${all.length} points`,
      aim: 'measured, no limit',
      met: true,
      at: new Date().toISOString(),
      note: `median; until the good release alone receives the traffic, exact to 0.1 s; the next job begins when the process is dead; the longest of each step: ${longest.join(', ')}`,
    },
  ]
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}
