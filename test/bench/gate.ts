import {
  countOf,
  leastProbes,
  logCountEvidence,
  refutes,
} from '../../shared/gate/statistics/evidence-process.ts'
import { extensionOf } from '../../shared/gate/statistics/extension.ts'
import { alpha } from '../../shared/gate/verdict.ts'
import { beta, surelyUnder } from '../../shared/gate/statistics/rate.ts'
import { independent, inBursts, probesToFail, seeded, wald } from '../unit/gate/probes.ts'
import { gateOnLab } from './gate-lab.ts'
import type { Bench, LinePlot, Measurement } from './measurement.ts'

const runs = 10_000
/** What is allowed by default, and what a pass excludes. */
const [allowed, passBelow] = [0.01, 0.05]
/** Probes in a window of five minutes at the default interval; a pass is judged after the default window. */
const [longest, shortest] = [600, 60]
const rates = [0.05, 0.1, 0.3]
const mostTimes = 1.25
/** Mean lengths of bursts; 1 is independent. The null that the gate holds against them has 3.3. */
const lengths = [1, 1.25, 1.5, 2, 3, 4, 5]
/** Longer ones than the gate was made for: what becomes of it then. */
const tooLong = 8

/** The gate's error probabilities and how fast it is, by simulation, and then on a real service. */
export const gate: Bench = {
  name: 'gate',
  async run() {
    return [...falseAlarms(), ...wrongPasses(), ...probesNeeded(), ...(await gateOnLab())]
  },
}

/** The gate's test, for one run: each call is told of one probe more. */
function ours(): (trail: boolean[]) => boolean {
  const naive = withoutBursts()
  return trail => naive(trail) && refutes(trail, allowed, alpha)
}

/** The same e-process without the null of bursts. A good probe only ever lowers it: it is computed anew where it counts. */
function withoutBursts(): (trail: boolean[]) => boolean {
  let bad = 0
  let reached = false
  return trail => {
    const isBad = trail.at(-1) === true
    bad += isBad ? 1 : 0
    if (isBad || reached)
      reached = logCountEvidence({ bad, all: trail.length }, allowed) >= Math.log(1 / alpha)
    return reached
  }
}

function probesOf(seed: number, rate: number, length: number): Generator<boolean> {
  const random = seeded(seed)
  return length === 1 ? independent(random, rate) : inBursts(random, rate, length)
}

/** For each run the probe at which it was failed, if it was. */
function failures(length: number, test: () => (trail: boolean[]) => boolean): number[] {
  const failed: number[] = []
  for (let run = 0; run < runs; run += 1) {
    const at = probesToFail(probesOf(run, allowed, length), longest, test())
    if (at !== undefined) failed.push(at)
  }
  console.log(`   bursts of ${length}: ${share(failed)}% failed within ${longest} probes`)
  return failed.sort((a, b) => a - b)
}

function share(failed: number[], within = longest): number {
  return Math.round((failed.filter(at => at <= within).length / runs) * 10_000) / 100
}

function falseAlarms(): Measurement[] {
  const failed = new Map([...lengths, tooLong].map(length => [length, failures(length, ours)]))
  const naive = failures(4, withoutBursts)
  const of = (length: number) => failed.get(length) ?? []
  const worst = lengths.slice(1).reduce((one, other) => (share(of(other)) > share(of(one)) ? other : one), 2)
  const curve = (name: string, at: number[]): LinePlot['series'][number] => ({
    name,
    points: Array.from({ length: 31 }, (_, step) => [step * 20, share(at, step * 20)]),
  })
  const figure = (name: string, failed: number[], versus: string, note: string): Measurement => ({
    name: `gate: false alarms, ${name}`,
    value: share(failed),
    unit: `% of ${runs} runs`,
    versus,
    aim: `at most ${100 * alpha}%, within ${longest} probes at the rate that is allowed (${100 * allowed}%)`,
    met: share(failed) <= 100 * alpha,
    at: new Date().toISOString(),
    note,
  })
  return [
    figure('independent', of(1), 'alpha', 'simulated, seeded'),
    {
      ...figure(
        'in bursts',
        of(worst),
        `without the null of bursts ${share(naive)}% (bursts of 4)`,
        `the worst of ${lengths.slice(1).join(', ')} probes a burst on average, which is ${worst}; of ${tooLong}, for which it is not made, ${share(of(tooLong))}%`,
      ),
      plot: {
        x: 'probes',
        y: '% of runs of a well service that were failed by then',
        series: [
          ...[1, 1.25, 2, 4, 5, 8].map(length =>
            curve(length === 1 ? 'independent' : `bursts of ${length}`, of(length)),
          ),
        ],
        limit: { name: 'alpha', y: 100 * alpha },
      },
    },
  ]
}

/** How often a service as ill as a pass excludes is passed all the same. */
function wrongPasses(): Measurement[] {
  const passed = (length: number, window = shortest) => {
    const { most, doubt } = extensionOf(passBelow, window, beta)
    const wanted = Array.from({ length: 40 }, (_, bad) => leastProbes(passBelow, doubt, bad))
    let count = 0
    for (let run = 0; run < runs; run += 1) {
      const probes = probesOf(run, passBelow, length)
      const trail = Array.from({ length: window }, () => probes.next().value === true)
      const passes = (doubt: number) =>
        !trail.slice(-3).some(Boolean) && surelyUnder(trail, doubt) < passBelow
      let isPassed = passes(beta)
      while (!isPassed && trail.length < most) {
        trail.push(probes.next().value === true)
        const { bad, all } = countOf(trail)
        isPassed = all >= (wanted[bad] ?? Infinity) && passes(doubt)
      }
      if (isPassed) count += 1
    }
    return Math.round((count / runs) * 10_000) / 100
  }
  const value = passed(1)
  return [
    {
      name: 'gate: ill and passed, independent',
      value,
      unit: `% of ${runs} runs`,
      versus: 'beta',
      aim: `at most ${100 * beta}% at ${100 * passBelow}% errors, in ${shortest} probes and their extension`,
      met: value <= 100 * beta,
      at: new Date().toISOString(),
      note: `simulated, seeded; a short window sees few bursts: in bursts of 2 ${passed(2)}%, of 4 ${passed(4)}%; in 240 probes ${passed(2, 240)}% and ${passed(4, 240)}%`,
    },
  ]
}

function probesNeeded(): Measurement[] {
  const mean = (rate: number, test: () => (trail: boolean[]) => boolean) => {
    let total = 0
    for (let run = 0; run < runs; run += 1)
      total += probesToFail(probesOf(run, rate, 1), 100_000, test()) ?? NaN
    return total / runs
  }
  const at = [0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5].map(rate => ({
    rate,
    ours: mean(rate, ours),
    walds: mean(rate, () => wald(rate, allowed, alpha)),
  }))
  const plot: LinePlot = {
    x: '% of probes that fail',
    y: 'probes to a fail, mean',
    series: [
      { name: 'ours', points: at.map(({ rate, ours }) => [100 * rate, Math.round(ours * 10) / 10]) },
      {
        name: 'Wald, who knows the rate',
        points: at.map(({ rate, walds }) => [100 * rate, Math.round(walds * 10) / 10]),
      },
    ],
  }
  return at
    .filter(({ rate }) => rates.includes(rate))
    .map(({ rate, ours, walds }, index) => ({
      name: `gate: probes to fail at ${100 * rate}% errors`,
      value: Math.round((ours / walds) * 1_000) / 1_000,
      unit: "times Wald's",
      versus: `ours ${ours.toFixed(1)}, Wald's test that knows the rate ${walds.toFixed(1)}`,
      aim: `at most ${mostTimes} times`,
      met: ours / walds <= mostTimes,
      at: new Date().toISOString(),
      note: `mean of ${runs} seeded runs, the same probes for both; ${100 * allowed}% allowed, alpha ${100 * alpha}%`,
      ...(index === 0 ? { plot } : {}),
    }))
}
