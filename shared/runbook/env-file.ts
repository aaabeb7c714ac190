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
 * Reads an env-file into its values. The values are secrets.
 * @param root the repository's root
 * @param file path relative to `root`
 * @throws InputError when the file cannot be read
 */
export function readEnvFile(root: string, file: string): Record<string, string> {
  return parse(readText(root, file))
}

/** Finds what the guide forbids in an env-file: missing keys, placeholders, short secrets, keys said twice. */
export function findEnvFileFaults(root: string, file: string, requires: string[]): EnvFileFault[] {
  const text = readText(root, file)
  const values = parse(text)
  const faults: EnvFileFault[] = []
  const lines = linesByKey(text)
  for (const key of requires) {
    if (!values[key]) {
      faults.push({ where: file, key, fault: 'is missing or empty', remedy: `Add ${key} to ${file}.` })
    }
  }
  for (const [key, value] of Object.entries(values)) {
    const where = `${file}:${lines.get(key)?.[0] ?? 1}`
    if (/CHANGE[_-]?(THIS|ME)|<[A-Z_ ]+>|YOUR[_-][A-Z]/i.test(value)) {
      faults.push({
        where,
        key,
        fault: 'still has its placeholder',
        remedy: `Put the real value of ${key} there.`,
      })
    }
    if (key === 'JWT_SECRET' && value.length < 64) {
      faults.push({
        where,
        key,
        fault: `has ${value.length} characters, 64 are the least`,
        remedy: 'Make one with: openssl rand -base64 64 | tr -d "\\n"',
      })
    }
    const again = lines.get(key)?.[1]
    if (again !== undefined) {
      faults.push({
        where: `${file}:${again}`,
        key,
        fault: 'is set twice',
        remedy: 'Remove one of the two lines.',
      })
    }
  }
  return faults
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
