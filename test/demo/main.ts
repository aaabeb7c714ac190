import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { showDuration } from '../../shared/config/values.ts'
import { makeStage } from '../caller/stage.ts'
import { makeService } from '../caller/service.ts'
import { ensureLab } from '../lab/lab.ts'
import { placesOf } from '../lab/places.ts'
import { acts } from './acts.ts'
import { createChecks } from './checks.ts'
import { play } from './play.ts'
import { createShow } from './show.ts'

// The main job, on real parts: `script/demo`. Ends with 0 only when all of it happened.

const root = join(import.meta.dirname, '../..')
const folder = join(placesOf(process.env).cache, 'demo')
const tree = join(root, 'build/tree')
const names = { name: 'runbook-demo', number: 80 }

const show = createShow(console.log, () => performance.now())
const { check, failed } = createChecks(text => show.line(`   ${text}`))
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (!stop.signal.aborted) show.line(`${signal}: stopping what was started`)
    stop.abort(new Error(`interrupted by ${signal}`))
  })
}

const undo: (() => Promise<unknown>)[] = []
try {
  await demo()
} catch (error) {
  if (!stop.signal.aborted) {
    failed.push('the demo came to its end')
    show.line(`NOT ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
} finally {
  for (const step of undo.reverse()) await step()
}
process.exitCode = stop.signal.aborted ? 130 : failed.length > 0 ? 1 : 0

async function demo(): Promise<void> {
  show.act('the lab')
  const { lab, startedByUs } = await ensureLab()
  show.line(startedByUs ? 'the lab is up' : 'the lab was up already, and stays so')
  if (startedByUs) undo.push(() => run('script/lab', 'down'))
  stop.signal.throwIfAborted()

  show.act('the published tree')
  if ((await run('script/assemble', tree)) !== 0) throw new Error('script/assemble failed, see above')
  stop.signal.throwIfAborted()

  show.act('a service repository, and room for it')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const stage = await makeStage(lab, names)
  undo.push(() => stage.leave())
  const service = makeService(join(folder, 'service'), stage.places)
  const secrets = await stage.secrets(service)
  show.line(`${service.folder}: 15 lines of workflow, nothing of this suite but its name`)

  await play({ acts, lab, service, secrets, tree, folder, show, check, signal: stop.signal, undo })
  if (failed.length === 0) show.line(`All of it happened. Reports: ${folder}`)
  else show.line(`NOT all of it happened: ${failed.join('; ')}. Reports: ${folder}`)
}

async function run(command: string, ...args: string[]): Promise<number | null> {
  const started = performance.now()
  const child = spawn(join(root, command), args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true })
  const onAbort = () => child.kill('SIGINT')
  stop.signal.addEventListener('abort', onAbort, { once: true })
  const [code] = (await once(child, 'exit')) as [number | null]
  stop.signal.removeEventListener('abort', onAbort)
  show.line(`${command} ${args[0]}: ${showDuration(performance.now() - started)}`)
  return code
}
