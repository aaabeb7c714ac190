import { cutBytes, cutEnd } from '../outcome/cut.ts'
import { printable, printableLine } from '../outcome/printable.ts'
import type { Log } from './log.ts'
import { createAside } from './aside.ts'
import { environmentSecrets } from './secrets/environment-secrets.ts'
import { createMasks } from './secrets/masks.ts'
import { createSecrets, type Secrets } from './secrets/secrets.ts'
import { createWorkflowCommands, type WorkflowCommands } from './workflow-commands.ts'

/** The GitHub Actions runner that this process is a step of. */
export interface Runner {
  log: Log
  secrets: Secrets
  /** Absolute path of the checkout. */
  workspace: string
  env: Record<string, string | undefined>
  /** An input's text; empty when it is not given. */
  input(name: string): string
  output(name: string, value: string): void
  /** What `main` saved for `post`. */
  loadState(name: string): string
  saveState(name: string, value: string): void
  annotate(level: 'error' | 'warning' | 'notice', title: string, message: string): void
  /** Appends Markdown to the summary of the step, which holds at most 1 MiB: what is over that is left out. */
  summary(markdown: string): void
  fail(): void
}

/** GitHub keeps 4 KB of an annotation's message. */
const annotationLimit = 4_000
/** A step's summary over 1 MiB of UTF-8 is refused by the runner as a whole. */
const summaryLimit = 1024 * 1024 - 1024

/** The runner that started this process. */
export function createRunner(): Runner {
  const { env, stdout } = process
  const commands = createWorkflowCommands(env, stdout)
  const secrets = createSecrets(createMasks(commands, line => stdout.write(`${line}\n`)))
  for (const value of environmentSecrets(env)) secrets.add(value)
  const log = createRunnerLog(commands, secrets, stdout)
  const aside = createAside(log)
  let summaryRoom = summaryLimit
  return {
    secrets,
    env,
    workspace: env['GITHUB_WORKSPACE'] ?? process.cwd(),
    log,
    input: name => env[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] ?? '',
    output(name, value) {
      void aside('The outputs', () => commands.assign('GITHUB_OUTPUT', name, secrets.redact(value)))
    },
    loadState: name => env[`STATE_${name}`] ?? '',
    saveState(name, value) {
      void aside('What the post step reads', () => commands.assign('GITHUB_STATE', name, value))
    },
    annotate(level, title, message) {
      const shown = (text: string) => printableLine(secrets.redact(cutEnd(text, annotationLimit)))
      commands.command(level, { title: shown(title) }, shown(message))
    },
    summary(markdown) {
      const shown = cutBytes(secrets.redact(markdown), summaryRoom)
      summaryRoom -= Buffer.byteLength(shown)
      void aside('The job summary', () => commands.summarise(shown))
    },
    fail() {
      process.exitCode = 1
    },
  }
}

/** Text of other programs and of users can hold lines that the runner, or a terminal, would obey: it is made printable. */
function createRunnerLog(commands: WorkflowCommands, secrets: Secrets, stdout: NodeJS.WritableStream): Log {
  const write = (line: string) => void stdout.write(`${printable(secrets.redact(line))}\n`)
  return {
    info: write,
    warn: line => write(`! ${line}`),
    error: line => write(`x ${line}`),
    debug: line => commands.command('debug', {}, printable(secrets.redact(line))),
    async group(title, work) {
      commands.command('group', {}, printableLine(secrets.redact(title)))
      try {
        return await work()
      } finally {
        commands.command('endgroup', {}, '')
      }
    },
  }
}
