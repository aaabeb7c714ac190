import * as core from '@actions/core'
import type { Log } from './log.ts'
import { createSecrets, type Secrets } from './secrets.ts'

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
  summary(markdown: string): Promise<void>
  fail(): void
}

/** A summary over this many bytes is refused by the runner as a whole. */
const summaryLimit = 1024 * 1024

export function createRunner(): Runner {
  const secrets = createSecrets(value => core.setSecret(value))
  return {
    secrets,
    workspace: process.env['GITHUB_WORKSPACE'] ?? process.cwd(),
    env: process.env,
    log: createRunnerLog(secrets),
    input: name => core.getInput(name),
    output: (name, value) => core.setOutput(name, secrets.redact(value)),
    loadState: name => core.getState(name),
    saveState: (name, value) => core.saveState(name, value),
    annotate(level, title, message) {
      core[level](secrets.redact(message), { title: secrets.redact(title) })
    },
    async summary(markdown) {
      if (!process.env['GITHUB_STEP_SUMMARY']) return
      const text = secrets.redact(markdown)
      await core.summary.addRaw(text.slice(0, summaryLimit - 1024), true).write()
    },
    fail() {
      process.exitCode = core.ExitCode.Failure
    },
  }
}

/** Text of other programs and of users can hold lines that the runner would obey (`::set-output ...`): they are defused. */
function createRunnerLog(secrets: Secrets): Log {
  const write = (line: string) => core.info(defuse(secrets.redact(line)))
  return {
    info: write,
    warn: line => write(`! ${line}`),
    error: line => write(`x ${line}`),
    debug: line => core.debug(secrets.redact(line)),
    group: (title, work) => core.group(defuse(secrets.redact(title)), work),
  }
}

function defuse(text: string): string {
  return text.replace(/^(\s*)(::|##\[)/gm, '$1\u200b$2')
}
