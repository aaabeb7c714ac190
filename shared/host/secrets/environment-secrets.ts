/** How variables are called that hold a secret itself; not its file (`AWS_WEB_IDENTITY_TOKEN_FILE`), not its id. */
const secretName =
  /(?:TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|SECRET_ACCESS_KEY|API_?KEY|PRIVATE_?KEY|CREDENTIALS|WEBHOOK|WEBHOOK_URL)$/i

/** Shorter values, and paths, say nothing that would have to be hidden. */
const leastSecret = 8

/**
 * The secrets that a process got in its environment: known before anything else is read, so that they are hidden in the
 * first line that is printed.
 */
export function environmentSecrets(env: Record<string, string | undefined>): string[] {
  return Object.entries(env).flatMap(([name, value = '']) =>
    secretName.test(name) && value.length >= leastSecret && !/^[./~]/.test(value) ? [value] : [],
  )
}
