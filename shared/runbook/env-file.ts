import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'dotenv'
import { InputError } from '../outcome/errors.ts'

/**
 * Reads an env-file into its values. Most are secrets: see `secretsOf`.
 * @param root the repository's root
 * @param file path relative to `root`
 * @throws InputError when the file cannot be read
 */
export function readEnvFile(root: string, file: string): Record<string, string> {
  return parse(readEnvText(root, file))
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

/** The text of an env-file. @throws InputError when it cannot be read */
export function readEnvText(root: string, file: string): string {
  try {
    return readFileSync(resolve(root, file), 'utf8')
  } catch (cause) {
    throw new InputError(`env-file: ${file} cannot be read`, {
      hint: `Write ${file} first: copy ${file}.example and fill it in, or give the workflow the secret ENV_FILE.`,
      cause,
    })
  }
}
