import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'dotenv'
import { InputError } from '../outcome/errors.ts'

/** One key of an env-file that should not be deployed as it is. */
export interface EnvFileFault {
  /** `file:line`, or the file when the key is missing from it. */
  where: string
  key: string
  /** What is wrong, without the value. */
  fault: string
  remedy: string
}

/**
 * Reads an env-file into its values. Most are secrets: see `secretsOf`.
 * @param root the repository's root
 * @param file path relative to `root`
 * @throws InputError when the file cannot be read
 */
export function readEnvFile(root: string, file: string): Record<string, string> {
  return parse(readText(root, file))
}

/**
 * What of an env-file must never be shown: all but what plainly is no secret (`NODE_ENV=staging`, `PORT=3000`). A
 * runner that masked those would hide every mention of staging, and GitHub drops outputs that hold a masked word.
 */
export function secretsOf(values: Record<string, string>): string[] {
  return Object.entries(values)
    .filter(([key, value]) => secretKey.test(key) || !plainValue.test(value))
    .flatMap(([, value]) => [value, passwordIn(value)])
    .filter(value => value !== '')
}

/** Whether the name of a variable says that its value must not be shown. */
export function namesSecret(key: string): boolean {
  return secretKey.test(key)
}

const secretKey = /SECRET|PASS|TOKEN|KEY|CREDENTIAL|PRIVATE|AUTH/i
/** A word, a small number, a duration. */
const plainValue = /^([a-z]{1,12}|\d{1,5}|\d{1,5}(ms|s|m|h))$/i

function passwordIn(value: string): string {
  const password = URL.parse(value)?.password ?? ''
  try {
    return decodeURIComponent(password)
  } catch {
    return password
  }
}

/** Finds what the guide forbids in an env-file: missing keys, placeholders, weak secrets, broken URLs, keys said twice. */
export function findEnvFileFaults(root: string, file: string, requires: string[]): EnvFileFault[] {
  const text = readText(root, file)
  const values = parse(text)
  const lines = linesByKey(text)
  const missing = requires
    .filter(key => !values[key])
    .map(key => ({ where: file, key, fault: 'is missing or empty', remedy: `Add ${key} to ${file}.` }))
  const found = Object.entries(values).flatMap(([key, value]) => {
    const [first = 1, again] = lines.get(key) ?? []
    const fault = faultOf(key, value)
    return [
      ...(fault ? [{ where: `${file}:${first}`, key, ...fault }] : []),
      ...(again === undefined ? [] : [{ where: `${file}:${again}`, key, ...saidTwice }]),
    ]
  })
  return [...missing, ...found]
}

type Fault = Pick<EnvFileFault, 'fault' | 'remedy'>

const saidTwice: Fault = { fault: 'is set twice', remedy: 'Remove one of the two lines.' }

const urlSchemes: Record<string, string[]> = {
  DATABASE_URL: ['postgres:', 'postgresql:'],
  REDIS_URL: ['redis:', 'rediss:'],
}

/** Half of what 64 random characters of base64 hold: random secrets are far above, words and repetitions below. */
const leastSecretBits = 192

function faultOf(key: string, value: string): Fault | undefined {
  if (/CHANGE[_-]?(THIS|ME)|<[A-Z_ ]+>|YOUR[_-][A-Z]/i.test(value))
    return { fault: 'still has its placeholder', remedy: `Put the real value of ${key} there.` }
  if (key === 'JWT_SECRET') return weaknessOf(value)
  const schemes = urlSchemes[key]
  if (schemes && value !== '' && !schemes.includes(URL.parse(value)?.protocol ?? ''))
    return {
      fault: `is no URL that starts with ${schemes.map(scheme => `${scheme}//`).join(' or ')}`,
      remedy: 'Write it as scheme://user:password@host:port/name, with special characters as %XX.',
    }
  return undefined
}

function weaknessOf(secret: string): Fault | undefined {
  const remedy = 'Make one with: openssl rand -base64 64 | tr -d "\\n"'
  if (secret.length < 64) return { fault: `has ${secret.length} characters, 64 are the least`, remedy }
  if (bitsOf(secret) < leastSecretBits) return { fault: 'repeats too few characters to be a secret', remedy }
  return undefined
}

/** Shannon's estimate of a text's information from how often each of its characters comes. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  const perCharacter = [...counts.values()].reduce((sum, count) => {
    const share = count / text.length
    return sum - share * Math.log2(share)
  }, 0)
  return perCharacter * text.length
}

function linesByKey(text: string): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const [index, line] of text.split('\n').entries()) {
    const key = /^\s*(?:export\s+)?([\w.-]+)\s*=/.exec(line)?.[1]
    if (key) found.set(key, [...(found.get(key) ?? []), index + 1])
  }
  return found
}

function readText(root: string, file: string): string {
  try {
    return readFileSync(resolve(root, file), 'utf8')
  } catch (cause) {
    throw new InputError(`env-file: ${file} cannot be read`, {
      hint: `Write ${file} first: copy ${file}.example and fill it in, or give the workflow the secret ENV_FILE.`,
      cause,
    })
  }
}
