import { createPorts, createSignal } from '../shared/steps/machine.ts'
import { InputError, isExpected, messageOf } from '../shared/outcome/errors.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'
import { createSecrets } from '../shared/platform/secrets.ts'
import { createTerminalLog } from '../shared/platform/terminal.ts'
import { createDayLog, logFile, writeOutcome } from '../shared/report/files.ts'
import type { Setting } from '../shared/report/news.ts'
import { renderText } from '../shared/report/text.ts'
import { isWatched, type Environment } from '../shared/runbook/environment.ts'
import { environmentNames, loadEnvironment } from '../shared/runbook/load.ts'
import { parseInputs } from '../shared/steps/inputs.ts'
import { commands, type Command } from './commands.ts'
import { exitCode, worstExitCode } from './exit.ts'
import { usage, usageOf } from './usage.ts'
import { readWords } from './words.ts'

/** The `runbook` command: `runbook <step> <environment> [--input value]`. Sets the exit code. */
export async function command(): Promise<void> {
  const [name, ...words] = process.argv.slice(2)
  try {
    if (name === undefined || name === 'help' || name === '--help') {
      process.stdout.write(usage(commands))
      return
    }
    const chosen = commands[name]
    if (!chosen) throw InputError.of('command', name, Object.keys(commands).join(', '), 'See: runbook help')
    const loaded = await chosen()
    if (words.includes('--help')) process.stdout.write(usageOf(name, loaded))
    else await run(name, loaded, words)
  } catch (error) {
    const expected = isExpected(error)
    process.stderr.write(`x ${messageOf(error)}\n${expected ? `  Next: ${error.hint}\n` : ''}`)
    if (!expected && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
    process.exitCode = expected ? exitCode(error) : 70
  }
}

async function run(name: string, command: Command, words: string[]): Promise<void> {
  const asked = words.filter(word => word !== asJson)
  const read = readWords(command.fields, command.positional, asked, process.env)
  const inputs = parseInputs(command.fields, read)
  const where = { root: process.cwd(), config: String(inputs['config']) }
  const named = String(inputs['environment'])
  const names = named === '' ? environmentNames(where) : [named]
  const overrides = { url: read('url'), manifests: read('manifests') }
  const environments = names.map(environment => loadEnvironment({ ...where, environment, overrides }))
  const signal = createSignal(process, 0)
  const outcomes = await Promise.all(
    environments.map(each => {
      const prefix = environments.length > 1 ? `${each.name} | ` : ''
      return runIn(each, name, command, read, { signal, prefix })
    }),
  )
  if (words.includes(asJson)) for (const each of outcomes) process.stdout.write(`${JSON.stringify(each)}\n`)
  process.exitCode = worstExitCode(outcomes)
}

/** @param prefix of each line, where several environments speak at once */
async function runIn(
  environment: Environment,
  name: string,
  { work }: Command,
  read: (name: string) => string,
  { signal, prefix }: { signal: AbortSignal; prefix: string },
): Promise<Outcome> {
  const secrets = createSecrets()
  const file = logFile(environment.root, name, environment.name, Date.now())
  const terminal = { write: (line: string) => process.stderr.write(prefix + line) }
  const log = createTerminalLog(secrets, terminal, createDayLog(file, Date.now))
  const machine = { log, secrets, env: process.env, pid: process.pid, signal }
  const ports = createPorts(machine, environment, read('kubeconfig'))
  const report = async (outcome: Outcome, setting: Setting = 'run') => {
    for (const line of renderText(outcome)) log.info(line)
    writeOutcome(environment.root, outcome)
    if (isWatched(environment)) {
      const { deliver } = await import('../shared/report/deliver.ts')
      await deliver(environment, outcome, setting, ports)
    }
  }
  try {
    const outcome = await work(environment, read, ports, report)
    await report(outcome, process.env['GITHUB_ACTIONS'] === 'true' ? 'run' : 'terminal')
    return outcome
  } finally {
    await ports.close()
  }
}

/** For programs that read along: the outcome on standard output; what people read goes to standard error as always. */
const asJson = '--json'
