import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { backup } from './backup.ts'
import { allChecks } from './checks.ts'
import { failingRollouts } from './failing-rollouts.ts'
import { gate } from './gate.ts'
import { handover } from './handover.ts'
import { load } from './load.ts'
import { unmeasured, type Bench, type Measurement } from './measurement.ts'
import { renderPage } from './page.ts'
import { kill } from './kill.ts'
import { rollout } from './rollout.ts'
import { scale } from './scale.ts'
import { parallelDump } from './parallel-dump.ts'
import { size } from './size.ts'
import { start } from './start.ts'
import { starts } from './starts.ts'
import { undo } from './undo.ts'

const benches: Bench[] = [
  start,
  size,
  rollout,
  failingRollouts,
  undo,
  starts,
  scale,
  kill,
  backup,
  parallelDump,
  handover,
  allChecks,
  gate,
  load,
]
const file = join(import.meta.dirname, 'results.json')
const out = join(import.meta.dirname, 'out')

const names = process.argv.slice(2)
const unknown = names.find(name => !benches.some(bench => bench.name === name))
if (unknown !== undefined) {
  console.error(`${unknown} is no benchmark; there are: ${benches.map(bench => bench.name).join(', ')}`)
  process.exit(2)
}

// An exit is what programs that a bench has started are ended at.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

for (const bench of benches.filter(({ name }) => names.length === 0 || names.includes(name))) {
  console.log(`== ${bench.name}`)
  const measured = await measure(bench)
  for (const { name, value, unit, versus, aim, met, note } of measured) {
    console.log(
      `${met ? '+' : 'x'} ${name}: ${value} ${unit} (${versus}); aim ${aim}${note ? `; ${note}` : ''}`,
    )
  }
  // At once: a bench that comes later may be interrupted, or another process may measure others meanwhile.
  record(bench, measured)
}
console.log(`\n${file}\n${join(out, 'index.html')}`)

/** What could not be measured says so beside the figures, and keeps no other bench from being run. */
async function measure(bench: Bench): Promise<Measurement[]> {
  try {
    const measured = await bench.run()
    return measured.map(each => ({ ...each, note: [each.note, busy()].filter(Boolean).join('; ') }))
  } catch (error) {
    process.exitCode = 1
    return [
      unmeasured(
        unmeasuredName(bench.name),
        'a figure',
        error instanceof Error ? error.message : String(error),
      ),
    ]
  }
}

/** Figures of a machine that has other things to do are worth less: they say so. */
function busy(): string {
  const [cores, load] = [availableParallelism(), loadavg()[0] ?? 0]
  return load > 2 * cores ? `the machine was busy: load ${Math.round(load)} on ${cores} cores` : ''
}

function unmeasuredName(bench: string): string {
  return `bench ${bench}`
}

/** Keeps the latest of each figure, and no word of a failure of a bench that could be run now. */
function record({ name }: Bench, measured: Measurement[]): void {
  const latest = new Map(previous().map(measurement => [measurement.name, measurement]))
  latest.delete(unmeasuredName(name))
  for (const measurement of measured) latest.set(measurement.name, measurement)
  const results = [...latest.values()]
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`)
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, 'index.html'), renderPage(results))
}

function previous(): Measurement[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Measurement[]) : []
}
