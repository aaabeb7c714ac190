import { InputError } from '../../outcome/errors.ts'
import { withoutEnd } from '../../outcome/strip.ts'
import { text, type Field } from './inputs.ts'

const accepts = 'an http:// or https:// URL'

/** Where a service is reached, without a trailing slash or credentials; the empty string when it is not given. */
export function url(description: string): Field<string> {
  const line = text(description, accepts)
  return {
    ...line,
    parse(name, value) {
      const given = line.parse(name, value)
      if (given === '') return ''
      const parsed = URL.parse(given)
      if (!parsed || !['http:', 'https:'].includes(parsed.protocol)) throw InputError.of(name, given, accepts)
      if (parsed.username || parsed.password) {
        throw new InputError(`${name} holds a user or a password`, {
          hint: `Take it out of ${name}: URLs are logged. A suite can send an authorization header from a secret.`,
        })
      }
      if (parsed.search || parsed.hash)
        throw InputError.of(name, given, `${accepts}, without a query or a fragment`)
      return withoutEnd(given, '/')
    },
  }
}
