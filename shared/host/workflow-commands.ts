import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'

/**
 * What a step says to its runner: commands on standard output, and lines in the files that the runner names. Written
 * after GitHub's "Workflow commands" page. (`@actions/core` says the same, but brings an HTTP client of half a megabyte
 * for its OIDC tokens, which doubled the time that every action takes to start.)
 */
export interface WorkflowCommands {
  /** `::error title=...::message` and its like. */
  command(name: string, properties: Record<string, string>, message: string): void
  /** Appends a value to one of the runner's files (`GITHUB_OUTPUT`, `GITHUB_STATE`); nothing outside a runner. */
  assign(file: 'GITHUB_OUTPUT' | 'GITHUB_STATE', name: string, value: string): void
  /** Appends text to the job summary. */
  summarise(markdown: string): void
}

/** @param env names the runner's files */
export function createWorkflowCommands(
  env: Record<string, string | undefined>,
  stdout: NodeJS.WritableStream,
): WorkflowCommands {
  return {
    command(name, properties, message) {
      const list = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(value)}`)
      stdout.write(`::${name}${list.length > 0 ? ` ${list.join(',')}` : ''}::${escapeData(message)}\n`)
    },
    assign(file, name, value) {
      const path = env[file]
      if (!path) return
      // A value cannot end itself early: it would have to guess the delimiter.
      const delimiter = `ghadelimiter_${randomUUID()}`
      appendFileSync(path, `${name}<<${delimiter}\n${value}\n${delimiter}\n`)
    },
    summarise(markdown) {
      const path = env['GITHUB_STEP_SUMMARY']
      if (path) appendFileSync(path, markdown)
    },
  }
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
