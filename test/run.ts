import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { showDuration } from '../shared/config/values.ts'

// Runs the groups one after the other (two cores: never two at once), goes on after a failure, and closes with one
// line that counts. What the lab needs is started when the first group that needs it comes, and stopped if we started it.

interface Tally {
  passed: number
  failed: number
}

interface Group {
  title: string
  run: (filters: string[]) => Promise<Tally>
}

const root = join(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'runbook-test-'))
const stop = new AbortController()
const interrupted = () => stop.signal.aborted
const lab = { startedByUs: false }

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort(signal))

const groups: Group[] = [
  { title: 'types, lint, format', run: () => one('script/lint') },
  { title: 'unit', run: filters => jest('unit', only(filters, 'test/unit')) },
  // So many inputs each, the same every time, for a minute at most; `script/fuzz` goes on from there.
  { title: 'fuzz', run: () => one('script/fuzz', '--inputs', '300', '--minutes', '1') },
  { title: "the service's own", run: serviceTests },
  { title: 'published tree', run: () => one('script/assemble', 'build/tree') },
  { title: 'contract', run: filters => jest('contract', only(filters, 'test/contract')) },
  { title: 'lab', run: startLab },
  { title: 'end to end', run: filters => jest('e2e', ['--maxWorkers=3', ...only(filters, 'test/e2e')]) },
]

const started = performance.now()
const total: Tally = { passed: 0, failed: 0 }
const filters = process.argv.slice(2)
try {
  for (const { title, run } of filters.length > 0 ? chosen(filters) : groups) {
    if (interrupted()) break
    const from = performance.now()
    console.log(`\n== ${title}`)
    const { passed, failed } = await run(filters)
    console.log(`== ${title}: ${passed} passed, ${failed} failed, ${showDuration(performance.now() - from)}`)
    total.passed += passed
    total.failed += failed
    if (title === 'lab' && failed > 0) {
      console.log('the end-to-end tests are not run: they need the lab, which did not come up (see above)')
      break
    }
  }
} finally {
  if (lab.startedByUs) await run('script/lab', ['down'])
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`\nin ${showDuration(performance.now() - started)}${interrupted() ? ', interrupted' : ''}`)
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 || total.passed === 0 || interrupted() ? 1 : 0

/** Words name test files: they run as one group, with the lab only when one of them needs it. */
function chosen(words: string[]): Group[] {
  const e2e = words.some(word => word.includes('e2e'))
  return groups.filter(({ title }) =>
    (e2e ? ['published tree', 'lab', 'end to end'] : ['unit']).includes(title),
  )
}

/** Jest takes several words as alternatives, so the folder stands alone or not at all. */
function only(words: string[], folder: string): string[] {
  return words.length > 0 ? words : [folder]
}

async function one(file: string, ...args: string[]): Promise<Tally> {
  const code = await run(file, args)
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

async function startLab(): Promise<Tally> {
  const up = (await run('script/lab', ['status'])) === 0
  if (up) return { passed: 1, failed: 0 }
  lab.startedByUs = true
  return one('script/lab', 'up')
}

async function jest(name: string, args: string[]): Promise<Tally> {
  const report = join(scratch, `${name}.json`)
  const code = await run('jest', [...args, '--json', `--outputFile=${report}`], {
    NODE_OPTIONS: '--experimental-vm-modules --no-warnings',
  })
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  const result = JSON.parse(readFileSync(report, 'utf8')) as Record<string, number>
  const failed = (result['numFailedTests'] ?? 0) + (result['numRuntimeErrorTestSuites'] ?? 0)
  return { passed: result['numPassedTests'] ?? 0, failed: code !== 0 && failed === 0 ? 1 : failed }
}

async function serviceTests(): Promise<Tally> {
  const app = join(root, 'deployment/app')
  if (!existsSync(join(app, 'node_modules'))) await run('npm', ['ci', '--no-audit', '--no-fund'], {}, app)
  return one('npm', '--prefix', 'deployment/app', 'test')
}

function run(file: string, args: string[], env: Record<string, string> = {}, cwd = root): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    })
    const pass = () => child.kill('SIGTERM')
    stop.signal.addEventListener('abort', pass)
    child.on('error', reject)
    child.on('close', code => {
      stop.signal.removeEventListener('abort', pass)
      resolve(code ?? 1)
    })
  })
}
