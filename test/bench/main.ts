import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Measurement } from './measurement.ts'
import { renderPage } from './page.ts'
import { rollout } from './rollout.ts'
import { size } from './size.ts'
import { start } from './start.ts'

const benches: Bench[] = [start, size, rollout]
const file = join(import.meta.dirname, 'results.json')
const out = join(import.meta.dirname, 'out')

const names = process.argv.slice(2)
const unknown = names.find(name => !benches.some(bench => bench.name === name))
if (unknown !== undefined) {
  console.error(`${unknown} is no benchmark; there are: ${benches.map(bench => bench.name).join(', ')}`)
  process.exit(2)
}

const results = new Map(previous().map(measurement => [measurement.name, measurement]))
for (const bench of benches.filter(({ name }) => names.length === 0 || names.includes(name))) {
  console.log(`== ${bench.name}`)
  for (const measurement of await bench.run()) {
    results.set(measurement.name, measurement)
    const { name, value, unit, versus, aim, met, note } = measurement
    console.log(
      `${met ? '+' : 'x'} ${name}: ${value} ${unit} (${versus}); aim ${aim}${note ? `; ${note}` : ''}`,
    )
  }
}
writeFileSync(file, `${JSON.stringify([...results.values()], null, 2)}\n`)
mkdirSync(out, { recursive: true })
writeFileSync(join(out, 'index.html'), renderPage([...results.values()]))
console.log(`\n${file}\n${join(out, 'index.html')}`)

function previous(): Measurement[] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Measurement[]) : []
}
