import { InputError, isExpected, messageOf } from '../shared/outcome/errors.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'
import { printable, printableJson } from '../shared/outcome/printable.ts'
import { createAside } from '../shared/host/aside.ts'
import { outliveReaders, watchStrays } from '../shared/host/strays.ts'
import { environmentSecrets } from '../shared/host/secrets/environment-secrets.ts'
import { createMasks } from '../shared/host/secrets/masks.ts'
import { createSecrets, type Secrets } from '../shared/host/secrets/secrets.ts'
import { createTerminalLog } from '../shared/host/terminal.ts'
import { createWorkflowCommands } from '../shared/host/workflow-commands.ts'
import { createDayLog, logFile, writeOutcome } from '../shared/report/files.ts'
import type { Setting } from '../shared/report/news.ts'
import { renderClosing, renderText } from '../shared/report/text.ts'
import { isWatched, type Environment } from '../shared/config/environment.ts'
import { environmentNames, loadEnvironment } from '../shared/config/load.ts'
import { parseInputs, secretInputs } from '../shared/commands/step/inputs.ts'
import { createPorts, createSignal, type Machine } from '../shared/commands/step/machine.ts'
import { concludeError, shown } from '../shared/commands/step/step.ts'
import { commands, type Command } from './commands.ts'
import { exitCode, worstExitCode } from './exit.ts'
import type { Publication } from './init/workflow-plan.ts'
import { unknownCommand } from './suggest.ts'
import { hintFor, usage, usageOf } from './usage.ts'
import { readWords } from './words.ts'

/** What the sources name. */
const ownPublication: Publication = { repository: 'org/runbook-actions', ref: 'v1' }

/** The one command that is about no environment: it makes the runbook that names them. */
const init = {
  description:
    'Writes a first runbook, a smoke suite, the workflows release, rollback and recover, and npm scripts; overwrites nothing.',
}

/**
 * The `runbook` command: `runbook <step> <environment> [--input value]`. Sets the exit code.
 * @param version what `--version` says
 * @param publication where the actions are that the workflows of `init` call
 */
export async function command(version: string, publication = ownPublication): Promise<void> {
  outliveReaders([process.stdout, process.stderr])
  const { secrets, print } = openTerminal()
  const [first, ...rest] = process.argv.slice(2)
  const helps = first === undefined || first === 'help' || first === '--help' || first === '-h'
  const [name = '', words] = helps ? [rest[0], ['--help']] : [first, rest]
  try {
    if (name === '--version' || name === 'version') process.stdout.write(`runbook ${version}\n`)
    else if (name === '') process.stdout.write(usage({ init, ...commands }))
    else if (name === 'init') await initialise(words, publication)
    else await call(name, words, secrets)
  } catch (error) {
    const expected = isExpected(error)
    print(`x ${messageOf(error)}`)
    if (expected) print(`  Next: ${error.hint}`)
    else if (error instanceof Error) print(error.stack ?? '')
    if (words.includes(asJson)) putOut([shown(outcomeOf(error, name, words), text => secrets.redact(text))])
    process.exitCode = expected ? exitCode(error) : 70
  }
}

/**
 * What is known before a command is: the secrets of the process's environment, which a runner that started it masks in
 * other programs' output, too.
 */
function openTerminal(): { secrets: Secrets; print: (line: string) => void } {
  const { env, stderr } = process
  const masks = createMasks(createWorkflowCommands(env, stderr), line => stderr.write(`${line}\n`))
  const secrets = env['GITHUB_ACTIONS'] === 'true' ? createSecrets(masks) : createSecrets()
  for (const value of environmentSecrets(env)) secrets.add(value)
  return { secrets, print: line => stderr.write(`${printable(secrets.redact(line))}\n`) }
}

async function initialise(words: string[], publication: Publication): Promise<void> {
  if (words.includes('--help')) {
    process.stdout.write(`${init.description}\n\nUsage: runbook init\n`)
    return
  }
  const { initialise } = await import('./init/init.ts')
  readWords({}, [], words.filter(isNotJson), process.env)
  const outcome = initialise(process.cwd(), publication)
  process.stderr.write(`${renderText(outcome).join('\n')}\n`)
  if (words.includes(asJson)) putOut([outcome])
}

async function call(name: string, words: string[], secrets: Secrets): Promise<void> {
  const chosen = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!chosen) throw unknownCommand(name, ['init', ...Object.keys(commands)])
  const loaded = await chosen.load()
  if (words.includes('--help')) process.stdout.write(usageOf(name, chosen.description, loaded))
  else await run(name, loaded, words, secrets)
}

async function run(name: string, command: Command, words: string[], secrets: Secrets): Promise<void> {
  const read = readWords(command.fields, command.positional, words.filter(isNotJson), process.env)
  for (const value of secretInputs(command.fields, read)) secrets.add(value)
  const inputs = readInputs(name, command, read)
  const where = { root: process.cwd(), config: String(inputs['config']) }
  const named = String(inputs['environment'])
  const names = named === '' ? environmentNames(where) : [named]
  const overrides = { url: read('url'), manifests: read('manifests') }
  const environments = names.map(environment => loadEnvironment({ ...where, environment, overrides }))
  const signal = createSignal(process, command.timeoutMs?.(inputs) ?? 0)
  const stray = watchStrays(process, line => process.stderr.write(`x ${printable(secrets.redact(line))}\n`))
  const outcomes = await Promise.all(
    environments.map(each => {
      const prefix = environments.length > 1 ? `${each.name} | ` : ''
      return runIn(each, name, command, read, { secrets, signal, stray, prefix })
    }),
  )
  if (words.includes(asJson)) putOut(outcomes)
  process.exitCode = worstExitCode(outcomes)
}

/** @throws InputError that says what to write at a terminal, where a workflow would set an input */
function readInputs(name: string, command: Command, read: (name: string) => string): Record<string, unknown> {
  try {
    return parseInputs(command.fields, read)
  } catch (error) {
    const hint = error instanceof InputError && error.wanted && hintFor(error.wanted, name, command)
    throw hint ? new InputError(messageOf(error), { hint, cause: error }) : error
  }
}

/** @param prefix of each line, where several environments speak at once */
async function runIn(
  environment: Environment,
  name: string,
  { work }: Command,
  read: (name: string) => string,
  { prefix, ...heard }: Pick<Machine, 'secrets' | 'signal' | 'stray'> & { prefix: string },
): Promise<Outcome> {
  const file = logFile(environment.root, name, environment.name, Date.now())
  const terminal = { write: (line: string) => process.stderr.write(prefix + line) }
  const warn = (line: string) => terminal.write(`! ${line}\n`)
  const log = createTerminalLog(heard.secrets, terminal, createDayLog(file, Date.now, warn))
  const aside = createAside(log)
  const machine = { log, env: process.env, pid: process.pid, ...heard }
  const ports = createPorts(machine, environment, read('kubeconfig'))
  const told = new Set<string>()
  const reported: Outcome[] = []
  const tell = async (outcome: Outcome, setting: Setting) => {
    await aside("The outcome's files", () => writeOutcome(environment.root, outcome))
    if (!isWatched(environment)) return
    await aside('What others are told', async () => {
      const { deliver } = await import('../shared/report/deliver.ts')
      await deliver(environment, outcome, setting, ports)
    })
  }
  const report = async (outcome: Outcome) => {
    for (const line of renderText(outcome)) log.info(line)
    await tell(outcome, 'run')
    told.add(outcome.step)
    reported.push(outcome)
  }
  try {
    const outcome = await work(environment, read, ports, report)
    const setting = process.env['GITHUB_ACTIONS'] === 'true' ? 'run' : 'terminal'
    for (const line of closingOf(outcome, reported)) log.info(line)
    if (!told.has(outcome.step)) await tell(outcome, setting)
    return outcome
  } finally {
    await ports.close()
  }
}

/** The last lines of a command. One that ended in its first step, with nothing to look at, has said all there already. */
function closingOf(outcome: Outcome, reported: Outcome[]): string[] {
  const [first, ...more] = reported
  if (!first) return renderText(outcome)
  const isSaid = more.length === 0 && first.evidence.length === 0 && first.summary === outcome.summary
  return isSaid ? [] : renderClosing(outcome)
}

/** What ended before there was an environment to say it of: programs that read along are told all the same. */
function outcomeOf(error: unknown, step: string, words: string[]): Outcome {
  return {
    step,
    service: '',
    environment: words.find(word => !word.startsWith('-')) ?? '',
    serving: '',
    cause: '',
    next: '',
    evidence: [],
    outputs: {},
    ...concludeError(error, 'tool-failed', new AbortController().signal),
    timings: [],
    durationMs: 0,
    startedAt: new Date().toISOString(),
  }
}

/** For programs that read along: the outcome on standard output; what people read goes to standard error as always. */
const asJson = '--json'

function isNotJson(word: string): boolean {
  return word !== asJson
}

function putOut(outcomes: Outcome[]): void {
  for (const each of outcomes) process.stdout.write(`${printableJson(each, 0)}\n`)
}
