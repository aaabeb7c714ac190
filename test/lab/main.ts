import { readLab } from './lab.ts'
import { partsWith } from './parts.ts'
import { placesOf } from './places.ts'
import { Daemons } from './process.ts'
import { Programs } from './programs.ts'
import { down, PartError, up } from './up.ts'
import { LabError } from './lab-error.ts'

const usage = 'usage: script/lab up | down | status [--json] | build'
const startedAt = performance.now()
const say = (part: string, text: string) => {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.error(`${seconds.padStart(6)} s  ${part}: ${text}`)
}

const [command, ...rest] = process.argv.slice(2)
const places = placesOf(process.env)
const parts = partsWith(process.env['RUNBOOK_LAB_KUBECONFIG'])
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () =>
    interrupted.abort(new LabError(`interrupted by ${signal}`, 'nothing of it was left running')),
  )
}

function status(json: boolean): number {
  const lab = readLab(places)
  if (json) {
    console.log(JSON.stringify(lab ?? null, undefined, 2))
    return lab === undefined ? 1 : 0
  }
  const daemons = new Daemons(places.state)
  for (const name of daemons.names().sort()) console.log(`${daemons.runs(name) ? 'up  ' : 'DEAD'}  ${name}`)
  const broken = daemons.names().some(name => !daemons.runs(name))
  if (lab === undefined) console.log('the lab is down; start it with: script/lab up')
  else if (broken) console.log('the lab is broken; repair it with: script/lab up')
  else console.log(`the lab is up; addresses and passwords: script/lab status --json`)
  return lab === undefined || broken ? 1 : 0
}

async function main(): Promise<number> {
  if (command === 'status' && rest.every(word => word === '--json')) return status(rest.length > 0)
  if (command === 'up' && rest.length === 0) {
    await up(places, parts, say, interrupted.signal)
    say('lab', 'is up; addresses and passwords: script/lab status --json')
    return 0
  }
  if (command === 'down' && rest.length === 0) {
    await down(places, partsWith(undefined), say, interrupted.signal)
    say('lab', 'is down')
    return 0
  }
  if (command === 'build' && rest.length === 0) {
    const programs = new Programs(places, interrupted.signal, say)
    for (const program of programs.all) await programs.build(program)
    return 0
  }
  console.error(usage)
  return 2
}

try {
  process.exitCode = await main()
} catch (error) {
  const ended: unknown = error instanceof PartError ? error.cause : error
  const cause: unknown = interrupted.signal.aborted ? interrupted.signal.reason : ended
  const part = error instanceof PartError ? error.part : 'lab'
  if (cause instanceof LabError) say(part, `${cause.message}\n${cause.hint}`)
  else say(part, `a bug in the lab: ${cause instanceof Error ? cause.stack : String(cause)}`)
  if (interrupted.signal.aborted) process.exitCode = 130
  else process.exitCode = cause instanceof LabError ? 4 : 70
}
