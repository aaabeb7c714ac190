import type { Command, Entry } from './commands.ts'
import { variableOf } from './words.ts'

/** The page of `runbook help`. */
export function usage(commands: Record<string, Pick<Entry, 'description'>>): string {
  const width = Math.max(...Object.keys(commands).map(name => name.length)) + 2
  const lines = Object.entries(commands).map(
    ([name, { description }]) => `  ${name.padEnd(width)}${description}`,
  )
  return [
    'Usage: runbook <command> <environment> [--input value ...]',
    '',
    ...lines,
    '',
    'runbook help <command>, or --help after it, tells more. --json writes the outcome to standard output, also of what failed.',
    'runbook --version. Exit codes: 0 success, 1 failure, 2 input error, 3 inconclusive, 4 tool error, 70 bug.',
    '',
  ].join('\n')
}

/**
 * What to do about an input at a terminal, where it is a word or an option.
 * @returns undefined for what is no input of the command
 */
export function hintFor(
  { input, accepts }: { input: string; accepts: string },
  name: string,
  { fields, positional }: Pick<Command, 'fields' | 'positional'>,
): string | undefined {
  if (!Object.hasOwn(fields, input)) return undefined
  const at = positional.indexOf(input)
  if (at < 0) return `Add --${input} with ${accepts}.`
  const before = positional.slice(0, at).map(key => `<${key}>`)
  return `Write it as a word of the command: ${['runbook', name, ...before, `"<${accepts}>"`].join(' ')}`
}

/** The page of one command. */
export function usageOf(name: string, description: string, { fields, positional }: Command): string {
  const named = (key: string) =>
    fields[key]?.byVariableOnly
      ? variableOf(key)
      : `--${key}${fields[key]?.short ? `, -${fields[key].short}` : ''}`
  const width = Math.max(...Object.keys(fields).map(key => named(key).length)) + 2
  const lines = Object.entries(fields).map(([key, field]) => {
    const standard = field.default ? ` Default: ${field.default}.` : ''
    const hidden =
      field.isSecret && !field.byVariableOnly
        ? ` To hide it from \`ps\`, set ${variableOf(key)} instead.`
        : ''
    const accepts = field.default === 'true' ? `${field.accepts}, like --${key}=false` : field.accepts
    return `  ${named(key).padEnd(width)}${field.description} Accepts ${accepts}.${standard}${hidden}`
  })
  const words = positional.map(key => (fields[key]?.required ? `<${key}>` : `[${key}]`)).join(' ')
  return [description, '', `Usage: runbook ${name} ${words} [--input value ...]`, '', ...lines, ''].join('\n')
}
