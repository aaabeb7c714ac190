import { InputError } from '../outcome/errors.ts'
import { parseImage } from './image-reference.ts'

const accepted = 'a repository like ghcr.io/org/orders: lower case, without a tag, a digest or a scheme'

/**
 * Refuses a name that an image cannot be built and pushed under with a tag of its own, and says which part is wrong.
 * @param where the input's name, for the error
 * @throws InputError with the reason, and the name that would be accepted where there is one
 */
export function refuseRepository(where: string, name: string): void {
  const refuse = (fault: string, hint: string) =>
    new InputError(`${where} is ${JSON.stringify(name.slice(0, 200))}: ${fault}; accepted: ${accepted}`, {
      hint,
    })
  if (name === '') throw InputError.of(where, undefined, accepted)
  if (/\s/.test(name)) throw refuse('it contains a blank', `Remove the blank from ${where}.`)
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(name)?.[0]
  if (scheme !== undefined)
    throw refuse(`it begins with the scheme ${scheme}`, `Set ${where} to ${name.slice(scheme.length)}.`)
  if (name.includes('@'))
    throw refuse(
      'it contains a digest',
      `Set ${where} to ${String(name.split('@')[0])}: the build gives it a digest.`,
    )
  const last = name.slice(name.lastIndexOf('/') + 1)
  const colon = last.indexOf(':')
  // `localhost:5000` alone is read as a name with a tag, as Docker reads it.
  if (colon >= 0)
    throw refuse(
      'it contains a tag',
      `Set ${where} to ${name.slice(0, name.length - (last.length - colon))}: the tag is the version that is released.`,
    )
  if (name !== name.toLowerCase())
    throw refuse(
      'it contains capitals, which no registry accepts in the name of a repository',
      `Set ${where} to ${name.toLowerCase()}.`,
    )
  parseImage(where, name)
}
