/** A URL's password: up to the last `@` before its path, or with a `/` in it that was not encoded. */
const inUrl = /(?<=:\/\/[^\s:/?#@"'`]{0,256}:)(?:[^\s/?#"'`]{1,512}(?=@)|(?!\d+\/)[^\s@"'`]{1,512}(?=@))/g
/** `--password=x`, `?sslpassword=x`, `spring.datasource.password=x`; not what only names a variable (`$X`, `%X%`). */
const assigned =
  /(?<=(?:password|passwd|passphrase|requirepass|secret|token|api[_-]?key)(?:["'](?=\s*=))?\s{0,3}=\s{0,3}["']?)[^\s&;,"'`$%<({][^\s&;,"'`]{3,511}/gi

/** A text in which others' programs get passwords: each that is found in it is replaced. */
export function hideInline(text: string, word: (secret: string, index: number) => string): string {
  let index = 0
  const replace = (secret: string) => word(secret, index++)
  return text.replace(inUrl, replace).replace(assigned, secret =>
    // What the first took the place of is no secret any more.
    secret.startsWith('(') ? secret : replace(secret),
  )
}

/** The passwords in a text, as they stand there and as programs use them. */
export function inlineSecrets(text: string): string[] {
  const found = [...text.matchAll(inUrl), ...text.matchAll(assigned)].map(([secret]) => secret)
  return [...new Set(found.flatMap(secret => [secret, decoded(secret)]))]
}

/** Whether a word of a command line says that the next one is a password: `--requirepass`, `--db-password`. */
export function announcesSecret(word: string): boolean {
  return /^--?[\w-]*(password|passwd|passphrase|requirepass|secret|token|api-?key)$/i.test(word)
}

function decoded(secret: string): string {
  try {
    return decodeURIComponent(secret)
  } catch {
    return secret
  }
}
