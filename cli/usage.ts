import type { Command } from './commands.ts'
import { variableOf } from './words.ts'

/** The page of `runbook help`. */
export function usage(commands: Record<string, unknown>): string {
  const names = Object.keys(commands).map(name => `  ${name}`)
  return [
    'Usage: runbook <command> <environment> [--input value ...]',
    '',
    ...names,
    '',
    'Each command tells more with --help, and writes its outcome to standard output with --json. Exit codes: 0 success, 1 failure, 2 input error, 3 inconclusive, 4 tool error, 70 bug.',
    '',
  ].join('\n')
}

/** The page of one command. */
export function usageOf(name: string, { description, fields, positional }: Command): string {
  const named = (key: string) => `--${key}${fields[key]?.short ? `, -${fields[key].short}` : ''}`
  const width = Math.max(...Object.keys(fields).map(key => named(key).length)) + 2
  const lines = Object.entries(fields).map(([key, field]) => {
    const standard = field.default ? ` Default: ${field.default}.` : ''
    const hidden = field.isSecret ? ` Others cannot read it in ${variableOf(key)}.` : ''
    return `  ${named(key).padEnd(width)}${field.description} Accepts ${field.accepts}.${standard}${hidden}`
  })
  const words = positional.map(key => (fields[key]?.required ? `<${key}>` : `[${key}]`)).join(' ')
  return [description, '', `Usage: runbook ${name} ${words} [--input value ...]`, '', ...lines, ''].join('\n')
}
