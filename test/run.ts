import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
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
/** End-to-end files that are run once more when they fail; where more fail, the cause is no busy machine. */
const mostRepeated = 8
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
  { title: 'end to end', run: filters => endToEnd(only(filters, 'test/e2e')) },
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

/** What jest found in one file. */
interface FileReport {
  name: string
  status: string
  assertionResults: { status: string }[]
}

/**
 * The tests that wait for each other's containers and pods run beside each other. A file that fails there is run once more,
 * alone: what fails for want of time passes then and is named; what is a fault fails again.
 */
async function endToEnd(words: string[]): Promise<Tally> {
  const beside = await jest('e2e', ['--maxWorkers=3', ...words])
  const files = reportOf('e2e')?.testResults.filter(({ status }) => status === 'failed') ?? []
  if (files.length === 0 || files.length > mostRepeated || interrupted()) return beside
  const names = files.map(({ name }) => relative(root, name))
  console.log(`\nonce more, alone: ${names.join(', ')}`)
  const alone = await jest('e2e-alone', ['--runInBand', '--runTestsByPath', ...names])
  const again = new Set(
    reportOf('e2e-alone')?.testResults.flatMap(({ name, status }) => (status === 'failed' ? [name] : [])),
  )
  for (const { name } of files)
    if (!again.has(name)) console.log(`passed alone, and not beside others: ${relative(root, name)}`)
  const passedBefore = files
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed').length
  return { passed: beside.passed - passedBefore + alone.passed, failed: alone.failed }
}

async function jest(name: string, args: string[]): Promise<Tally> {
  const code = await run('jest', [...args, '--json', `--outputFile=${reportPath(name)}`], {
    NODE_OPTIONS: '--experimental-vm-modules --no-warnings',
  })
  const result = reportOf(name)
  if (!result) return { passed: 0, failed: 1 }
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites
  return { passed: result.numPassedTests, failed: code !== 0 && failed === 0 ? 1 : failed }
}

function reportPath(name: string): string {
  return join(scratch, `${name}.json`)
}

/** @returns undefined where jest wrote none */
function reportOf(name: string) {
  const report = reportPath(name)
  if (!existsSync(report)) return undefined
  return JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number
    numFailedTests: number
    numRuntimeErrorTestSuites: number
    testResults: FileReport[]
  }
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
