import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { find, unsettled } from '../../../shared/release/ledger.ts'
import {
  harm,
  liveIn,
  Lost,
  makeWorld,
  promotion,
  returning,
  settling,
  type Program,
  type Run,
  type Server,
  type World,
} from './world.ts'

// Runs that race, crash between any two of their reads and writes, sleep past their deadline and wake up, on clocks that
// are off and step: after one settle the environment serves one good release whole, and a second settle changes nothing.
// At no moment does a release run upon a database that it cannot live with, and none that was ever live is lost.

let processes = 0
const run = (name: string, job: string, skew = 0, boot = 'elsewhere'): Run => ({
  holder: {
    ...{ run: name, attempt: 1, job, title: `run ${name}`, url: '' },
    process: { format: 1, host: boot, boot, namespace: 'n', pid: (processes += 1), start: '1' },
  },
  skew,
})

/** One read or write of a run. @returns false when the run is over */
function advance(program: Program): boolean {
  try {
    return program.next().done !== true
  } catch (error) {
    if (error instanceof Lost) return false
    throw error
  }
}

function finish(world: World, program: Program): void {
  for (let steps = 0; advance(program); steps++) {
    if (harm(world)) throw new Error(harm(world))
    if (steps > 10_000) throw new Error('a run does not come to an end')
  }
}

function settled(world: World): void {
  world.now += 1_000_000
  finish(world, settling(world, run('the last', 'settle')))
}

function expectRest(world: World): void {
  expect(harm(world)).toBe('')
  const { ledger } = world.state
  expect(unsettled(ledger)).toBeUndefined()
  expect(ledger.restoring).toBeNull()
  if (ledger.serving === null) return
  expect(find(ledger, ledger.serving)?.state).toBe('good')
  expect(liveIn(world)).toMatchObject({ release: ledger.serving, ready: true })
}

const kinds = fc.constantFrom('passes', 'fails', 'settles', 'returns', 'returns in vain')
const machines = fc.constantFrom('one', 'other')
const event = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({ kind: fc.constant('go' as const), who: fc.nat(3), steps: fc.nat(12) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('crash' as const), who: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('late' as const), who: fc.nat(3) }) },
  // Its process is taken for dead on its machine, though it only sleeps: that must not be what safety rests on.
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('taken for dead' as const), who: fc.nat(3) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('clock' as const), ms: fc.integer({ min: -100, max: 200 }) }),
  },
)

test('whatever races, crashes and sleeps, one settle leads to rest on one good release, whole', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ kind: kinds, skew: fc.integer({ min: -100, max: 100 }), machine: machines }), {
        minLength: 4,
        maxLength: 4,
      }),
      fc.array(event, { maxLength: 60 }),
      (actors, events) => {
        const world = makeWorld()
        for (const first of ['the first', 'the second', 'the third'])
          finish(world, promotion(world, run(first, 'promote'), 'pass'))
        const runs = actors.map(({ kind, skew, machine }, index) =>
          kind === 'settles'
            ? // Of the run before it, or of a schedule.
              run(String(index % 2 ? index - 1 : index), 'settle', skew, machine)
            : run(String(index), 'promote', skew, machine),
        )
        const programs: Program[] = actors.map(({ kind }, index) => {
          const self = runs[index] ?? run(String(index), 'promote')
          if (kind === 'settles') return settling(world, self)
          if (kind === 'returns') return returning(world, self, 'swaps')
          if (kind === 'returns in vain') return returning(world, self, 'refuses')
          return promotion(world, self, kind === 'passes' ? 'pass' : 'fail')
        })
        const alive = new Set(programs)
        // Of a process that was killed, a request may still be on its way.
        const late: Program[] = []
        const markDead = (who: number) => world.dead.add(runs[who]?.holder.process?.pid ?? 0)
        const crash = (who: number, program: Program) => {
          alive.delete(program)
          late.push(program)
          markDead(who)
          const { kind, skew, machine } = actors[who] ?? { kind: 'settles', skew: 0, machine: 'one' }
          if (kind === 'settles') return
          // The next step of its job: the runner goes on with those that always run.
          const following = run(String(who), 'promote', skew, machine)
          runs[who] = following
          const next = settling(world, following)
          programs[who] = next
          alive.add(next)
        }
        for (const each of events) {
          if (each.kind === 'clock') world.now += each.ms
          else if (each.kind === 'taken for dead') markDead(each.who)
          else if (each.kind === 'late') {
            const program = late.splice(each.who, 1)[0]
            if (program) advance(program)
          } else {
            const program = programs[each.who]
            if (!program || !alive.has(program)) continue
            if (each.kind === 'crash') crash(each.who, program)
            else
              for (let steps = each.steps; steps > 0 && advance(program); steps--)
                expect(harm(world)).toBe('')
          }
        }

        settled(world)
        expectRest(world)
        const before = world.version
        settled(world)
        expect(world.version).toBe(before)

        for (const program of late) advance(program)
        expectRest(world)

        // Those that only slept wake up, one after the other, and reach nothing that is not theirs to change.
        for (const program of alive) finish(world, program)
        settled(world)
        expectRest(world)
      },
    ),
    { seed: 20261123, numRuns: 2_000 },
  )
})

describe.each<[Server, Server]>([
  ['swaps', 'swaps'],
  ['swaps', 'refuses'],
  ['refuses', 'swaps'],
  ['refuses', 'refuses'],
])('a database that is put back where the server %s, and by who takes over where it %s', (first, second) => {
  test('comes to the same rest wherever the one sleeps and the other is met', () => {
    const most = 120
    let walked = 0
    const ends = { swapped: 0, abandoned: 0 }
    for (let slept = 0; slept < most; slept++) {
      for (let met = 0; met < most; met++) {
        const world = makeWorld()
        for (const name of ['the first', 'the second'])
          finish(world, promotion(world, run(name, 'promote'), 'pass'))
        const sleeper = returning(world, run('0', 'rollback'), first)
        const other = settling(world, run('1', 'settle'), second)
        if (!go(world, sleeper, slept)) break
        // No lease outlives a long sleep.
        world.now += 100
        const over = !go(world, other, met)
        finish(world, sleeper)
        finish(world, other)
        settled(world)
        expectRest(world)
        walked++
        ends[world.databases.get('live') === '1' ? 'abandoned' : 'swapped']++
        if (over) break
      }
    }
    // Every pair of points: more would be further than both go.
    expect(walked).toBeGreaterThan(300)
    expect(walked).toBeLessThan(most * most)
    expect(ends[first === 'swaps' ? 'swapped' : 'abandoned']).toBeGreaterThan(0)
  })
})

/** @returns false when the run is over before so many steps */
function go(world: World, program: Program, steps: number): boolean {
  for (let left = steps; left > 0; left--) {
    if (!advance(program)) return false
    if (harm(world)) throw new Error(harm(world))
  }
  return true
}
