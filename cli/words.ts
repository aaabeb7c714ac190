import { parseArgs } from 'node:util'
import { InputError, messageOf, quote } from '../shared/outcome/errors.ts'
import type { Fields } from '../shared/commands/step/inputs.ts'

/** `RUNBOOK_DECRYPT_WITH` for `decrypt-with`: every user of a machine can read the arguments of a program. */
export function variableOf(field: string): string {
  return `RUNBOOK_${field.replaceAll('-', '_').toUpperCase()}`
}

/**
 * What a command was told: options by name, and the words without a dash in the order that the command gives them. A
 * secret that is no option is taken from its variable.
 * @throws InputError for an option that the command does not have, or a word too many
 */
export function readWords(
  fields: Fields,
  positional: string[],
  words: string[],
  env: Record<string, string | undefined>,
): (name: string) => string {
  const options = Object.fromEntries(
    Object.entries(fields).map(([key, { accepts, short }]) => {
      const type: 'string' | 'boolean' = accepts === 'true or false' ? 'boolean' : 'string'
      return [key, short === undefined ? { type } : { type, short }]
    }),
  )
  const given = new Map<string, string | boolean | undefined>()
  // A flag may say its word, too: `--keep-long=false`.
  const args = words.filter(word => {
    const [, key = '', value] = /^--([^=]+)=(.*)$/s.exec(word) ?? []
    if (value === undefined || options[key]?.type !== 'boolean') return true
    given.set(key, value)
    return false
  })
  let parsed
  try {
    parsed = parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new InputError(messageOf(cause), { hint: 'See the options with --help.', cause })
  }
  const extra = parsed.positionals[positional.length]
  if (extra !== undefined) throw tooMany(extra, parsed.positionals, positional)
  for (const [key, value] of Object.entries(parsed.values)) given.set(key, value)
  for (const [index, key] of positional.entries()) {
    const word = parsed.positionals[index]
    if (word !== undefined && !given.has(key)) given.set(key, word)
  }
  const readable = [...given.keys()].find(key => fields[key]?.byVariableOnly)
  if (readable !== undefined)
    throw new InputError(
      `--${readable} is on the command line, which every user of this machine can read; accepted: the variable ${variableOf(readable)}`,
      {
        hint: `Set ${variableOf(readable)} instead. If the machine has other users, make a new key: this one was shown.`,
      },
    )
  return key => {
    const value = given.get(key)
    if (typeof value === 'string') return value
    if (value === true) return 'true'
    return fields[key]?.isSecret ? (env[variableOf(key)] ?? '') : ''
  }
}

/** Most often a reason of several words, which a shell hands over one by one. */
function tooMany(extra: string, given: string[], positional: string[]): InputError {
  const last = positional.at(-1) ?? ''
  const message = `${quote(extra)} is one word too many; without a name go: ${positional.join(', ')}`
  if (last !== 'because') return new InputError(message, { hint: 'See the options with --help.' })
  const reason = given.slice(positional.length - 1).join(' ')
  return new InputError(message, { hint: `Put the reason in quotes: ${quote(reason)}` })
}
