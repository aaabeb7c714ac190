/** Letters as they are meant, whatever stands in for them: `CHANGE_TH1S`, `change me`, `ＣＨＡＮＧＥＭＥ`. */
function folded(value: string): string {
  const alike: Record<string, string> = {
    0: 'o',
    1: 'i',
    l: 'i',
    3: 'e',
    4: 'a',
    5: 's',
    $: 's',
    '@': 'a',
    '|': 'i',
  }
  return Array.from(value.normalize('NFKC').toLowerCase())
    .map(character => alike[character] ?? character)
    .filter(character => /[a-z]/.test(character))
    .join('')
}

/** Eight letters and more, so that no random secret has one by chance. */
const phrases = [
  'changethis',
  'changeme',
  'changeit',
  'replacethis',
  'replaceme',
  'replacewith',
  'insertyour',
  'putyour',
  'enteryour',
  'yoursecret',
  'yourpassword',
  'yourapikey',
  'youraccess',
  'placeholder',
  'fillmein',
].map(folded)

/** As the whole value: what people write who mean to come back. */
const whole =
  /^(todo|tbd|fixme|xxx+|\*{3,}|\.{3,}|-+|none|null|undefined|nil|n\/a|dummy|foo|bar|foobar|example|sample)$/i

/** Whether a value was never filled in. URLs count with their password and host. */
export function holdsPlaceholder(value: string): boolean {
  if (
    whole.test(value.trim()) ||
    /<[a-z][a-z _-]+>|\{\{[^{}]+\}\}|\[(your|the|insert)\b[^\]]*\]/i.test(value)
  )
    return true
  if (/YOUR[_-][A-Z]|(^|[^a-z])x{6,}([^a-z]|$)/i.test(value)) return true
  const url = URL.parse(value)
  if (url && whole.test(url.password)) return true
  const letters = folded(value)
  return phrases.some(phrase => letters.includes(phrase))
}

/** The head of every list that attackers try (NCSC, Passwords, 2019), and the defaults of images. */
const wellKnown = new Set(
  (
    'password passw0rd password1 password123 secret admin administrator root toor letmein welcome qwerty qwerty123 ' +
    '123456 1234567 12345678 123456789 1234567890 111111 000000 abc123 iloveyou monkey dragon default guest test ' +
    'test123 testing postgres postgresql mysql redis mongo minio minioadmin rabbitmq runbook changeit pass user'
  ).split(' '),
)

/** Whether a secret is among those that are tried first. */
export function isWellKnown(secret: string): boolean {
  return wellKnown.has(secret.toLowerCase())
}
