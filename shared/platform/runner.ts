import type { Log } from './log.ts'
import { createAside } from './aside.ts'
import { createSecrets, type Secrets } from './secrets.ts'
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
  /** Appends Markdown to the job summary, which holds at most 1 MiB. */
  summary(markdown: string): void
  fail(): void
}

/** A step's summary over 1 MiB is refused by the runner as a whole. */
const summaryLimit = 1024 * 1024 - 1024

/** The runner that started this process. */
export function createRunner(): Runner {
  const { env, stdout } = process
  const commands = createWorkflowCommands(env, stdout)
  const secrets = createSecrets(value => commands.command('add-mask', {}, value))
  const log = createRunnerLog(commands, secrets, stdout)
  const aside = createAside(log)
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
      commands.command(level, { title: secrets.redact(title) }, secrets.redact(message))
    },
    summary(markdown) {
      const shown = secrets.redact(markdown).slice(0, summaryLimit)
      void aside('The job summary', () => commands.summarise(shown))
    },
    fail() {
      process.exitCode = 1
    },
  }
}

/** Text of other programs and of users can hold lines that the runner would obey (`::set-output ...`): they are defused. */
function createRunnerLog(commands: WorkflowCommands, secrets: Secrets, stdout: NodeJS.WritableStream): Log {
  const write = (line: string) => void stdout.write(`${defuse(secrets.redact(line))}\n`)
  return {
    info: write,
    warn: line => write(`! ${line}`),
    error: line => write(`x ${line}`),
    debug: line => commands.command('debug', {}, secrets.redact(line)),
    async group(title, work) {
      commands.command('group', {}, secrets.redact(title))
      try {
        return await work()
      } finally {
        commands.command('endgroup', {}, '')
      }
    },
  }
}

function defuse(text: string): string {
  return text.replace(/^(\s*)(::|##\[)/gm, '$1\u200b$2')
}
