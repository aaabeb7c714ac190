import { InputError } from '../../outcome/errors.ts'
import { inlineSecrets } from '../../config/inline-secrets.ts'
import { acceptedPlace, parsePlace } from '../../config/place.ts'
import { accepted, parseDuration, parsePercent, parseSize } from '../../config/values.ts'

/** One input of a step: how its text is read, and what is accepted. Actions and the command share it. */
export interface Field<T> {
  /** For action.yml, README and `--help`: one sentence. */
  description: string
  required: boolean
  /** As text, the way a caller would write it; empty when there is none. */
  default: string
  /** In words, for error messages and the README. */
  accepts: string
  /** One letter for a terminal: `-n 1000`. */
  short?: string
  /** It must not stand where others can read it: on a command line, in a log. */
  isSecret: boolean
  /** A terminal takes it from its variable alone: a person who has it can forge what others rely on for years. */
  byVariableOnly?: true
  /** @throws InputError that names `name` */
  parse: (name: string, text: string) => T
  /** In place of `default`, for action.yml alone: an expression that only the runner can fill in. */
  actionDefault?: string
}

/** The inputs of a step by their kebab-case names. */
export type Fields = Record<string, Field<unknown>>

/** What `parseInputs` makes of Fields. */
export type Inputs<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never }

/** What a step puts out beside the common outputs, by name: one sentence each, for action.yml and README. */
export type Outputs = Record<string, string>

/** What every step puts out. */
export const commonOutputs = {
  status: '`success`, `failure`, `inconclusive` or `skipped`.',
  'reason-code': 'One word that says why; the troubleshooting page explains each.',
  outcome: 'The whole outcome as JSON: evidence, timings, what serves.',
  'duration-ms': 'Milliseconds that the step took.',
} satisfies Outputs

interface Said {
  required?: boolean
  default?: string
  short?: string
}

function field<T>(description: string, accepts: string, parse: Field<T>['parse'], said: Said = {}): Field<T> {
  return {
    description,
    accepts,
    parse,
    isSecret: false,
    required: said.required ?? false,
    default: said.default ?? '',
    ...(said.short === undefined ? {} : { short: said.short }),
  }
}

/** Text on one line; the empty string when it is not given. */
export function text(description: string, accepts: string, said?: Said): Field<string> {
  return field(
    description,
    accepts,
    (name, value) => {
      if (/[\u0000-\u001f\u007f]/.test(value)) throw InputError.of(name, value, `${accepts}, on one line`)
      if (value.startsWith('-')) throw InputError.of(name, value, `${accepts}, not starting with a dash`)
      return value
    },
    said,
  )
}

/** A path inside the repository. */
export function path(description: string, accepts: string, said?: Said): Field<string> {
  const { parse } = text(description, accepts)
  return field(
    description,
    accepts,
    (name, value) => {
      if (value.split(/[\\/]/).includes('..')) throw InputError.of(name, value, `${accepts}, without ..`)
      return parse(name, value)
    },
    said,
  )
}

/** Text that may span lines and is masked: a kubeconfig, a URL with a password. */
export function secret(description: string, accepts: string, said?: Said): Field<string> {
  return { ...field(description, accepts, (_name, value) => value, said), isSecret: true }
}

/** A private key: a secret that no command line takes. */
export function privateKey(description: string, accepts: string): Field<string> {
  return { ...secret(description, accepts), byVariableOnly: true }
}

/** Milliseconds; 0 when it is not given and has no default. */
export function duration(description: string, said?: Said): Field<number> {
  return field(
    description,
    accepted.duration,
    (name, value) => (value === '' ? 0 : parseDuration(name, value)),
    said,
  )
}

/** Milliseconds; undefined when it is not given: for what 0 means something of its own. */
export function optionalDuration(description: string, said?: Said): Field<number | undefined> {
  return field(
    description,
    accepted.duration,
    (name, value) => (value === '' ? undefined : parseDuration(name, value)),
    said,
  )
}

/** Bytes; undefined when it is not given. */
export function size(description: string, said?: Said): Field<number | undefined> {
  return field(
    description,
    accepted.size,
    (name, value) => (value === '' ? undefined : parseSize(name, value)),
    said,
  )
}

/** A share of 1; undefined when it is not given. */
export function percent(description: string, said?: Said): Field<number | undefined> {
  return field(
    description,
    accepted.percent,
    (name, value) => (value === '' ? undefined : parsePercent(name, value)),
    said,
  )
}

/** A whole number within bounds; undefined when it is not given. */
export function whole(
  description: string,
  least: number,
  most: number,
  said?: Said,
): Field<number | undefined> {
  const accepts = `a whole number from ${least} to ${most}`
  return field(
    description,
    accepts,
    (name, value) => {
      if (value === '') return undefined
      const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN
      if (!(number >= least && number <= most)) throw InputError.of(name, value, accepts)
      return number
    },
    said,
  )
}

/** One of a closed list of words. */
export function choice<const T extends string>(
  description: string,
  words: readonly T[],
  said?: Said,
): Field<T> {
  const accepts = words.join(', ')
  return field(
    description,
    accepts,
    (name, value) => {
      const word = words.find(each => each === value)
      if (word === undefined) throw InputError.of(name, value, accepts)
      return word
    },
    said,
  )
}

/** `true` or `false`, as YAML 1.2 has them. */
export function flag(description: string, said?: Said): Field<boolean> {
  return field(
    description,
    'true or false',
    (name, value) => {
      if (value === 'true') return true
      if (value === 'false' || value === '') return false
      throw InputError.of(name, value, 'true or false')
    },
    said,
  )
}

/** Words separated by commas, spaces or newlines, each out of a closed list. */
export function list<const T extends string>(
  description: string,
  words: readonly T[],
  said?: Said,
): Field<T[]> {
  const accepts = `any of ${words.join(', ')}`
  const one = choice(description, words)
  return field(
    description,
    accepts,
    (name, value) =>
      value
        .split(/[\s,]+/)
        .filter(word => word !== '')
        .map(word => one.parse(name, word)),
    said,
  )
}

/**
 * Reads every input before anything is done with any of them.
 * @param read gives the text of an input, empty when it is not given
 * @throws InputError for the first that is missing or wrong
 */
export function parseInputs<F extends Fields>(fields: F, read: (name: string) => string): Inputs<F> {
  const parsed: Record<string, unknown> = {}
  for (const [name, each] of Object.entries(fields)) {
    const given = read(name).trim()
    if (given === '' && each.required) throw InputError.of(name, undefined, each.accepts)
    parsed[name] = each.parse(name, given === '' ? each.default : given)
  }
  return parsed as Inputs<F>
}

/**
 * What of the inputs must not be shown, known before any of them is read: values of the secret ones, and passwords within
 * them. A kubeconfig may be given as a path, which is none.
 */
export function secretInputs(fields: Fields, read: (name: string) => string): string[] {
  return Object.entries(fields).flatMap(([name, { isSecret }]) => {
    const value = isSecret ? read(name).trim() : ''
    return value === '' || /^[./~][^\n]*$/.test(value) ? [] : [value, ...inlineSecrets(value)]
  })
}

/** The inputs that every step has. */
export const commonFields = {
  environment: text(
    'Name of the environment in the runbook.',
    'a name that the runbook has, like production',
    {
      required: true,
    },
  ),
  config: path('Path of the runbook.', 'a path inside the repository', { default: 'deployment/runbook.yml' }),
} satisfies Fields

/** How long a step may take when its caller says nothing. A lease is handed over for as long. */
export const defaultTimeout = '10m'

/** For steps that talk to the database. */
export const tunnelFields = {
  tunnel: field(
    "Port of the cluster through which a database is reached that only the cluster reaches. Default: the runbook's tunnels.database, else it is reached directly.",
    acceptedPlace,
    (name, value) => {
      if (value !== '') parsePlace(name, value)
      return value
    },
  ),
} satisfies Fields

/** For steps that talk to the environment's target. */
export const targetFields = {
  kubeconfig: secret(
    'Kubeconfig for a kubernetes target: its content, or a path. Default: KUBECONFIG, else ~/.kube/config.',
    'the content or the path of a kubeconfig',
  ),
} satisfies Fields
