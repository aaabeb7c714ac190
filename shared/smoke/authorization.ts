import type { Auth } from './schema.ts'
import type { Values } from './references.ts'

/** Names of the environment variables that hold a request's credentials. */
export function variablesOfAuth(auth: Auth | undefined): string[] {
  if (!auth) return []
  return 'bearer' in auth ? [auth.bearer] : [auth.basic.user, auth.basic.password]
}

/** The header that carries them (RFC 6750, RFC 7617). */
export function authorization(auth: Auth, values: Values): string {
  const of = (variable: string) => String(values[`env:${variable}`])
  if ('bearer' in auth) return `Bearer ${of(auth.bearer)}`
  const { user, password } = auth.basic
  return `Basic ${Buffer.from(`${of(user)}:${of(password)}`, 'utf8').toString('base64')}`
}
