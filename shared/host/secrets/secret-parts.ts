/** What of a value must not be shown: see `secretPartsOf`. */
export interface SecretParts {
  /** Hidden wherever this suite prints. */
  hidden: string[]
  /** Those of them that stand on one line: a runner, too, is asked to mask them. */
  masked: string[]
}

/** PEM blocks that are public (RFC 7468 section 3, and what OpenSSL writes beside them). */
const publicBlock =
  /-----BEGIN (?:(?:TRUSTED |X509 )?CERTIFICATE(?: REQUEST)?|X509 CRL|PKCS7|CMS|(?:RSA |EC )?PUBLIC KEY|(?:DH|EC|DSA) PARAMETERS)-----[^-]*-----END [A-Z\d ]{3,40}-----/g
/** A line of `authorized_keys`, or of `known_hosts`. */
const publicKey =
  /^(?:\S{1,256} )?(?:ssh-(?:ed25519|rsa|dss)|ecdsa-sha2-nistp\d{3}|sk-\S{1,60}) AAAA[\w+/=]+(?: .*)?$/
/** `-----BEGIN CERTIFICATE-----` in base64, as a kubeconfig holds the authority of its server. */
const publicInBase64 = /^LS0tLS1CRUdJTiB(?:DRVJUSUZJQ0FURS|UUlVTVEVEIENFUlRJRklDQVRF|QVUJMSUMgS0VZ)/

/** A line that is shorter, or holds words alone, stands in too many texts. */
const leastLine = 8
/** What a value within a line has to be to be hidden by itself, where its name does not say that it is a secret. */
const leastRandom = 16
/** What is called a password is hidden from this length on. */
const leastNamed = 6
const secretName = /SECRET|PASS|TOKEN|KEY|CREDENTIAL|PRIVATE|AUTH/i

/**
 * The parts of a secret value.
 *
 * A value of one line is hidden as it is. Of a value of several lines (a key, a kubeconfig, an env-file, a file of JSON) the
 * whole is hidden, and of its lines those that are nowhere else: not `production` or `kind: Config`, but lines of a private
 * key, and values that are called a password or look random. Certificates and public keys are no secrets, neither alone nor
 * in a bundle. Linear in the length of the value.
 */
export function secretPartsOf(value: string): SecretParts {
  const [only, ...more] = linesOf(value)
  if (only === undefined || isKnownPublic(value.trim())) return { hidden: [], masked: [] }
  // A value of one line was called a secret as a whole: it may begin as a comment does, or be signs alone.
  if (more.length === 0) return { hidden: [value, only, ...leavesOf(only)], masked: [only] }
  const secret = value.replace(publicBlock, '')
  const lines = linesOf(secret)
  // A bundle of certificates names each above it.
  const isBundle = secret !== value && lines.every(line => isPublic(line) || isPlain(line))
  if (isBundle || lines.every(isPublic)) return { hidden: [], masked: [] }
  const parts = lines.flatMap(line => [
    ...(line.length >= leastLine && !isPlain(line) && !isPublic(line) ? [line] : []),
    ...assignedIn(line),
  ])
  return { hidden: [value, value.trim(), ...leavesOf(value), ...parts], masked: parts }
}

function linesOf(value: string): string[] {
  return value
    .split(/[\r\n]/)
    .map(line => line.trim())
    .filter(line => line !== '')
}

/** Whether a line is public: a comment, signs alone, the frame of a PEM block, a public key. */
function isPublic(line: string): boolean {
  return /^(?:#|\/\/|-----|[\p{P}\p{S}\s]+$)/u.test(line) || isKnownPublic(line)
}

function isKnownPublic(text: string): boolean {
  return publicKey.test(text) || publicInBase64.test(text)
}

/** The secrets in a document of JSON, as a registry login or the key of a service account is one. */
function leavesOf(text: string): string[] {
  if (!/^\s*[{[]/.test(text)) return []
  const found: string[] = []
  try {
    JSON.parse(text, (name, value: unknown) => {
      if (typeof value === 'string' && isSecretOf(name, value)) found.push(value)
    })
  } catch {
    return []
  }
  return found
}

/** The value of `key: value`, `KEY=value` or `"key": "value",` where it is to be hidden without its name, too. */
function assignedIn(line: string): string[] {
  const [, name = '', rest = ''] = /^["']?([\w.-]{1,200})["']? ?[:=]([^]*)$/.exec(line) ?? []
  const value = unquoted(rest.trim())
  return isSecretOf(name, value) ? [value] : []
}

function isSecretOf(name: string, value: string): boolean {
  if (value === '' || isPublic(value)) return false
  return (secretName.test(name) && value.length >= leastNamed && !isWord(value)) || isRandom(value)
}

function unquoted(text: string): string {
  const bare = text.endsWith(',') ? text.slice(0, -1).trimEnd() : text
  const [first] = bare
  return bare.length >= 2 && (first === '"' || first === "'") && bare.endsWith(first)
    ? bare.slice(1, -1)
    : bare
}

function isWord(text: string): boolean {
  return /^(?:[a-z]{1,12}|\d{1,5})$/i.test(text)
}

/** Words, numbers and names with signs between them: nothing is longer than a word, or mixed more than a name is. */
function isPlain(text: string): boolean {
  const tokens = text.split(/[^\p{L}\d]/u)
  const mixed = tokens.filter(token => /\d/.test(token) && /\p{L}/u.test(token))
  return mixed.length <= 1 && tokens.every(isPlainToken)
}

/** A short one, a number as long as a port's, or a word with two digits at most: `G3`, `5432`, `west1`. */
function isPlainToken(token: string): boolean {
  const { letters, words, digits } = shapeOf(token)
  if (token.length <= 4) return true
  if (letters === 0) return digits <= 5
  return token.length <= 20 && digits <= 2 && letters / Math.max(1, words) >= 3
}

/** No blank, no address, letters and digits mixed more often than in any name. */
function isRandom(text: string): boolean {
  if (text.length < leastRandom || /[\s]|:\/\//.test(text)) return false
  const { letters, words, digits } = shapeOf(text)
  return letters >= 4 && digits >= 2 && letters / Math.max(1, words) < 4
}

/** A word is a run of letters of one case, the first of which may be a capital. */
function shapeOf(text: string): { letters: number; words: number; digits: number } {
  let [letters, words, digits] = [0, 0, 0]
  for (const word of text.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g) ?? []) {
    if (/\d/.test(word)) digits += word.length
    else [letters, words] = [letters + word.length, words + 1]
  }
  return { letters, words, digits }
}
