import { parse } from 'dotenv'
import { InputError } from '../../outcome/errors.ts'
import { scanEnvLines } from './env-lines.ts'
import { inlineSecrets } from '../inline-secrets.ts'
import { readTextFile, type Text } from '../text-file.ts'

/** The keys of the runbook that name an env-file, with the secret of the workflows whose content is written there. */
const secretOf = { 'env-file': 'ENV_FILE', 'backup.env-file': 'BACKUP_ENV_FILE' } as const

export type EnvFileKey = keyof typeof secretOf

/**
 * Reads an env-file into its values. Most are secrets: see `secretsOf`.
 * @param root the repository's root
 * @param file path relative to `root`
 * @param key what of the runbook names it
 * @throws InputError when the file cannot be read, is not UTF-8, or assigns nothing
 */
export function readEnvFile(
  root: string,
  file: string,
  key: EnvFileKey = 'env-file',
): Record<string, string> {
  return valuesOf(file, readEnvText(root, file, key).text, key)
}

/**
 * Reads an env-file that a release is about to get: as `readEnvFile`, and every line of it has to be read.
 * @throws InputError also for the first line that is neither an assignment nor a comment, without its content
 */
export function readReleaseEnvFile(root: string, file: string): Record<string, string> {
  const { text } = readEnvText(root, file)
  const values = valuesOf(file, text, 'env-file')
  const [first, ...more] = scanEnvLines(text).faults.filter(({ weight }) => weight === 'unread')
  if (first === undefined) return values
  const others =
    more.length === 0 ? '' : `, and ${more.length} more such ${more.length === 1 ? 'line' : 'lines'}`
  throw new InputError(
    `env-file: ${file}:${first.line} ${first.fault}${others}: the service would not get it`,
    {
      hint: first.remedy,
    },
  )
}

function valuesOf(file: string, text: string, key: EnvFileKey): Record<string, string> {
  const values = parse(text)
  if (Object.keys(values).length > 0) return values
  throw new InputError(`${key}: ${file} ${emptiness(text)}; accepted: lines of KEY=value`, {
    hint: `Write one KEY=value a line into ${file}, or remove ${key} from the environment in the runbook.`,
  })
}

function emptiness(text: string): string {
  if (text.trim() === '') return 'is empty'
  if (/^\s*[[{]/.test(text)) return 'is JSON, and assigns nothing'
  return 'assigns nothing: no line of it is KEY=value'
}

/**
 * What of an env-file must never be shown: all but what plainly is no secret (`NODE_ENV=staging`, `PORT=3000`). A
 * runner that masked those would hide every mention of staging, and GitHub drops outputs that hold a masked word.
 */
export function secretsOf(values: Record<string, string>): string[] {
  return Object.entries(values)
    .filter(([key, value]) => (secretKey.test(key) && !switchValue.test(value)) || !plainValue.test(value))
    .filter(([, value]) => !namesKey(value, values))
    .flatMap(([, value]) => [value, ...inlineSecrets(value)])
    .filter(value => value !== '')
}

/** The name of another key, or a reference to it: hidden, it would be hidden where a finding names that key, too. */
function namesKey(value: string, values: Record<string, string>): boolean {
  const [, name] = /^(?:\$?|\$\{)([A-Za-z_]\w*)\}?$/.exec(value) ?? []
  return name !== undefined && Object.hasOwn(values, name)
}

/**
 * What must not be shown of variables that stand where every member of the project can read them (a manifest, the runbook),
 * or that came from elsewhere (an image): what their names or the form of their values tell to be a secret.
 */
export function secretsAmong(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const whole =
      namesSecret(key) && value.length >= leastNamed && !/\s/.test(value) && !plainValue.test(value)
    return [...(whole ? [value] : []), ...inlineSecrets(value)]
  })
}

/**
 * What must not be shown of the env-file that a release was recorded with. Shorter values are words, like `info`, and
 * `known` are those that stand in every line anyway: the release's version, the environment's name.
 */
export function recordedSecrets(values: Record<string, string>, known: string[]): string[] {
  const long = secretsOf(values).filter(value => value.length >= leastRecorded && !known.includes(value))
  return [...secretsAmong(values), ...long]
}

/** As for the values of a Secret that a Kubernetes release was recorded with. */
const leastRecorded = 8
/** A shorter value, though its variable is called a key, stands in too many words. */
const leastNamed = 6

/** Whether the name of a variable says that its value must not be shown. */
export function namesSecret(key: string): boolean {
  return secretKey.test(key)
}

const secretKey = /SECRET|PASS|TOKEN|KEY|CREDENTIAL|PRIVATE|AUTH/i
/** `AUTH_ENABLED=true`: to hide that would hide every `true`. */
const switchValue = /^(true|false|yes|no|on|off|none|null|enabled|disabled)$/i
/** A word, a small number, a duration. */
const plainValue = /^([a-z]{1,12}|\d{1,5}|\d{1,5}(ms|s|m|h))$/i

/** The text of an env-file. @throws InputError when it cannot be read, or is not UTF-8 */
export function readEnvText(root: string, file: string, key: EnvFileKey = 'env-file'): Text {
  return readTextFile({
    input: key,
    root,
    file,
    missing: `Write ${file} first: copy ${file}.example and fill it in, or give the workflow the secret ${secretOf[key]}, whose content it writes to the path of its input ${key.replace('.', '-')}.`,
  })
}
