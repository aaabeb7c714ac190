import { parseArgs } from 'node:util'
import { createPorts, createSignal } from '../actions/ports.ts'
import { InputError, isExpected, messageOf } from '../shared/outcome/errors.ts'
import type { Outcome } from '../shared/outcome/outcome.ts'
import { createSecrets } from '../shared/platform/secrets.ts'
import { createTerminalLog } from '../shared/platform/terminal.ts'
import { createDayLog, logFile, writeOutcome } from '../shared/report/files.ts'
import { renderText } from '../shared/report/text.ts'
import { loadEnvironment } from '../shared/runbook/load.ts'
import { parseInputs, type Fields } from '../shared/steps/inputs.ts'
import { commands, type Command } from './commands.ts'
import { exitCode } from './exit.ts'
import { usage, usageOf } from './usage.ts'

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

async function run(name: string, { fields, positional, work }: Command, words: string[]): Promise<void> {
  const read = readWords(fields, positional, words)
  const inputs = parseInputs(fields, read)
  const environment = loadEnvironment({
    root: process.cwd(),
    config: String(inputs['config']),
    environment: String(inputs['environment']),
    overrides: { url: read('url'), manifests: read('manifests') },
  })
  const secrets = createSecrets()
  const file = logFile(environment.root, name, environment.name, Date.now())
  const log = createTerminalLog(secrets, process.stderr, createDayLog(file, Date.now))
  const signal = createSignal(process, 0)
  const machine = { log, secrets, env: process.env, pid: process.pid, signal }
  const ports = createPorts(machine, environment, read('kubeconfig'))
  const report = (outcome: Outcome) => {
    for (const line of renderText(outcome)) log.info(line)
    writeOutcome(environment.root, outcome)
  }
  try {
    const outcome = await work(environment, read, ports, report)
    report(outcome)
    process.exitCode = exitCode(outcome)
  } finally {
    await ports.close()
  }
}

/** Options by name, and the words without a dash in the order that the command gives them. */
function readWords(fields: Fields, positional: string[], words: string[]): (name: string) => string {
  const options = Object.fromEntries(
    Object.entries(fields).map(([key, { accepts }]) => {
      const type: 'string' | 'boolean' = accepts === 'true or false' ? 'boolean' : 'string'
      return [key, { type }]
    }),
  )
  let parsed
  try {
    parsed = parseArgs({ args: words, options, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new InputError(messageOf(cause), { hint: 'See the options with --help.', cause })
  }
  const extra = parsed.positionals[positional.length]
  if (extra !== undefined) throw InputError.of('argument', extra, `at most: ${positional.join(' ')}`)
  const given = new Map(Object.entries(parsed.values))
  for (const [index, key] of positional.entries()) {
    const word = parsed.positionals[index]
    if (word !== undefined && !given.has(key)) given.set(key, word)
  }
  return key => {
    const value = given.get(key)
    return typeof value === 'string' ? value : value === true ? 'true' : ''
  }
}
