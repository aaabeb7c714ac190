import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzz, type Tally } from './fuzz.ts'
import { instrument } from './instrument.ts'

// Fuzzes the parsers of data from outside: `script/fuzz [--minutes 10] [--seed 1] [TARGET...]`. With `--inputs N`, so many
// inputs a target, the same in every run. An input that finds something is written to build/fuzz; once it is fixed it
// belongs to test/fuzz/corpus/TARGET, where every run begins.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    inputs: { type: 'string' },
  },
})

const counters = instrument()
const { loadTargets } = await import('./targets.ts')
const all = await loadTargets()
const chosen = all.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
if (chosen.length === 0)
  throw new Error(`no such target; there are: ${all.map(({ name }) => name).join(', ')}`)

const ms = (Number(values.minutes) * 60_000) / chosen.length
const bound = { inputs: values.inputs === undefined ? Infinity : Number(values.inputs), ms }
const found = join(import.meta.dirname, '../../build/fuzz')
const tallies: Tally[] = []
const started = performance.now()
for (const target of chosen) {
  const tally = await fuzz(target, seedsOf(target.name), counters, { seed: Number(values.seed), bound })
  tallies.push(tally)
  console.log(
    `${target.name.padEnd(20)} ${String(tally.inputs).padStart(8)} inputs ${String(tally.kept).padStart(6)} kept ${String(tally.branches).padStart(5)} branches ${String(tally.ms).padStart(7)} ms`,
  )
  for (const [index, { why, input }] of tally.findings.entries()) {
    mkdirSync(found, { recursive: true })
    const file = join(found, `${target.name}-${index}`)
    writeFileSync(file, input)
    console.log(
      `  x ${why.slice(0, 300)}\n    ${JSON.stringify(input.toString('utf8').slice(0, 200))}\n    ${file}`,
    )
  }
}
const sum = (of: (tally: Tally) => number) => tallies.reduce((total, each) => total + of(each), 0)
const findings = sum(each => each.findings.length)
console.log(
  `${tallies.length} parsers, ${sum(each => each.inputs)} inputs, ${sum(each => each.branches)} branches, ${Math.round((performance.now() - started) / 1_000)} s, ${findings} findings`,
)
process.exitCode = findings > 0 ? 1 : 0

function seedsOf(target: string): Buffer[] {
  const folder = join(import.meta.dirname, 'corpus', target)
  return readdirSync(folder)
    .sort()
    .map(name => readFileSync(join(folder, name)))
}
