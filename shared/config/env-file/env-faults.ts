import { parse } from 'dotenv'
import { readEnvText } from './env-file.ts'
import { scanEnvLines, type LineFault, type Weight } from './env-lines.ts'
import { holdsPlaceholder, isWellKnown } from './placeholders.ts'
import { bitsOf } from './strength.ts'

/** One thing of an env-file that should not be deployed as it is. */
export interface EnvFileFault {
  /** `file:line`, or the file when the key is missing from it. */
  where: string
  /** Empty for a line that assigns nothing. */
  key: string
  /** What is wrong, without the value. */
  fault: string
  remedy: string
  weight: Weight
}

/** What an env-file is held against. */
export interface EnvFileRules {
  /** Keys that it must have. */
  requires: string[]
  /** Name of the environment: NODE_ENV may not name another one. */
  environment: string
}

/**
 * Finds what the guide forbids in an env-file: missing keys, placeholders, weak secrets, broken URLs, keys said twice, and
 * lines that are not read alike everywhere. In the order of the lines.
 * @param root the repository's root
 * @param file path relative to `root`
 * @throws InputError when the file cannot be read
 */
export function findEnvFileFaults(root: string, file: string, rules: EnvFileRules): EnvFileFault[] {
  const { text, marked } = readEnvText(root, file)
  const values = new Map(Object.entries(parse(text)))
  const { lines, faults } = scanEnvLines(text)
  const firstLine = new Map<string, number>()
  const found: LineFault[] = [...(marked ? [byteOrderMark] : []), ...faults]
  for (const { line, key } of lines) {
    const first = firstLine.get(key)
    if (first !== undefined)
      found.push({
        line,
        key,
        fault: `is set twice, first in line ${first}`,
        remedy: 'Remove one of the two lines.',
        weight: 'fault',
      })
    else firstLine.set(key, line)
  }
  const misread = new Set(faults.filter(({ weight }) => weight !== 'note').map(({ key }) => key))
  for (const [key, line] of firstLine) {
    const fault = misread.has(key) ? undefined : faultOf(key, values.get(key) ?? '', rules)
    if (fault) found.push({ line, key, ...fault, weight: 'fault' })
    if (!values.has(key)) found.push({ line, key, ...swallowed, weight: 'unread' })
  }
  const missing = rules.requires
    .filter(key => !values.get(key))
    .map(key => {
      const line = firstLine.get(key)
      return line === undefined
        ? {
            where: file,
            key,
            fault: 'is missing',
            remedy: `Add ${key} to ${file}.`,
            weight: 'fault' as const,
          }
        : {
            where: `${file}:${line}`,
            key,
            fault: 'is empty',
            remedy: `Put the value of ${key} there.`,
            weight: 'fault' as const,
          }
    })
  const inOrder = found.toSorted((a, b) => a.line - b.line)
  return [...missing, ...inOrder.map(({ line, ...fault }) => ({ where: `${file}:${line}`, ...fault }))]
}

type Fault = Pick<EnvFileFault, 'fault' | 'remedy'>

/** dotenv, Docker and compose pass over it. */
const byteOrderMark: LineFault = {
  line: 1,
  key: '',
  fault: 'begins with a byte order mark, which a shell takes for a part of the first key',
  remedy: 'Save the file as UTF-8 without BOM.',
  weight: 'note',
}

/** dotenv took the line for a part of a value above it whose quotes close further down. */
const swallowed: Fault = {
  fault: 'is not read: it stands within the quotes of a value above it',
  remedy: 'Close the quotes of the value above on its own line.',
}

function faultOf(key: string, value: string, { environment }: EnvFileRules): Fault | undefined {
  if (value === '') return undefined
  if (holdsPlaceholder(value))
    return { fault: 'still has its placeholder', remedy: `Put the real value of ${key} there.` }
  if (key === 'JWT_SECRET') return weaknessOf(value)
  if (key === 'PORT' && !(/^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535))
    return { fault: 'is no port; accepted: a number from 1 to 65535', remedy: 'Write PORT=3000.' }
  if (key === 'NODE_ENV') return foreignStage(value, environment)
  const url = /(^|_)(URL|URI|ENDPOINT|DSN)$/.test(key) ? urlFault(key, value) : undefined
  if (url) return url
  const password = /(PASS|PASSWORD|PWD|SECRET|TOKEN|API_?KEY)$/.test(key)
    ? value
    : (URL.parse(value)?.password ?? '')
  if (password !== '' && isWellKnown(password))
    return {
      fault: 'has a password that attackers try first',
      remedy: 'Make one with: openssl rand -base64 24',
    }
  return undefined
}

/** Half of what 64 random characters of base64 hold: random secrets are far above, words and repetitions below. */
const leastSecretBits = 192
const leastSecretLength = 64

function weaknessOf(secret: string): Fault | undefined {
  const remedy = 'Make one with: openssl rand -base64 64 | tr -d "\\n"'
  if (secret.length < leastSecretLength)
    return { fault: `has ${secret.length} characters, ${leastSecretLength} are the least`, remedy }
  const bits = Math.round(bitsOf(secret))
  if (bits < leastSecretBits)
    return {
      fault: `is not random: ${secret.length} characters that hold about ${bits} bits, ${leastSecretBits} are the least`,
      remedy,
    }
  return undefined
}

const stages = ['development', 'staging', 'production', 'test']

/** Production is also what staging may say: many services know nothing between the two. */
function foreignStage(value: string, environment: string): Fault | undefined {
  const known = stages.includes(environment) && stages.includes(value)
  const alike = value === environment || (value === 'production' && environment !== 'development')
  if (!known || alike) return undefined
  return { fault: `is ${value}, in the file of ${environment}`, remedy: `Write NODE_ENV=${environment}.` }
}

const urlSchemes = new Map([
  ['DATABASE_URL', ['postgres:', 'postgresql:']],
  ['REDIS_URL', ['redis:', 'rediss:']],
])

function urlFault(key: string, value: string): Fault | undefined {
  const url = URL.parse(value)
  const schemes = urlSchemes.get(key)
  const remedy = 'Write it as scheme://user:password@host:port/name, with special characters as %XX.'
  if (schemes && !schemes.includes(url?.protocol ?? ''))
    return {
      fault: `is no URL that starts with ${schemes.map(scheme => `${scheme}//`).join(' or ')}`,
      remedy,
    }
  if (!url || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) return { fault: 'is no URL', remedy }
  if (/\s/.test(value)) return { fault: 'has a blank in its URL', remedy: 'Write blanks as %20.' }
  if (url.hostname === '' && url.protocol !== 'file:') return { fault: 'is a URL without a host', remedy }
  if (key === 'DATABASE_URL' && url.pathname.length < 2)
    return { fault: 'names no database', remedy: 'Write the name of the database at the end: host:5432/name' }
  return undefined
}
